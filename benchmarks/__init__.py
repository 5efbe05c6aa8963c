"""Cost benchmarks: ``python -m benchmarks list``, ``run CASE... [--json FILE]``, ``report FILE...``."""
