"""Cost benchmarks: ``python -m benchmarks list``, ``run CASE... [--json FILE]``, ``report FILE... [--out DIR]``.

In a notebook, ``benchmarks.load(path)`` gives the samples of a result file as a ``pandas.DataFrame``.
"""

from benchmarks.frames import load

__all__ = ["load"]
