"""The operations that the schemes are made of, one table for each library that has them.

``operation`` is what a table has, ``libraries`` are the tables, ``run`` measures one of them by ``pyperf``.
"""
