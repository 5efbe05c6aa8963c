"""Pairing groups that count what is done in them, so that a scheme's cost is counted and not typed in.

``group`` is the interface, ``tally`` the counting; the backends: ``mcl`` (BLS12-381, every element checked) and
``charm`` (SS512, as papers ran, where charm imports). Tests cross the results of ``mcl`` with arkworks' byte for byte.
For research schemes only: nothing here runs in constant time.
"""
