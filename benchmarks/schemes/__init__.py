"""Proxy re-encryption schemes side by side, to compare what they cost. UNSAFE FOR RECORDS: research code.

``clinic`` and every package but this one are kept from importing it (import-linter); records are sealed with
``scheme.umbral``. ``scheme`` is the interface; ``bbs98``, ``afgh``, ``green_ateniese``, ``libert_vergnaud`` and
``type_and_identity`` are written from their papers over ``benchmarks.groups``; ``own`` and ``peers`` adapt what is in
use elsewhere. ``properties`` says what each holds and breaks, with the test that shows it, as ``docs/schemes.md`` does.

No scheme checks who may ask, none signs its rekeys (but Umbral), and Python and the groups do not run in constant time.
"""
