"""Engines: one file each, all behind ``ledger.engine.Engine``."""
