"""Pairing groups that count what is done in them, so that a scheme's cost is counted and not typed in.

``group`` is the interface, ``tally`` the counting; the backends: ``mcl`` (BLS12-381, every element checked),
``arkworks`` (the same curve by other people, to cross results), ``charm`` (SS512, as papers ran, where charm imports).
For research schemes only: nothing here runs in constant time.
"""
