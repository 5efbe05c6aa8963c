"""How papers match symptoms and authenticate the two: for cost comparison and to show what breaks, never for patients.

``equality`` (public-key encryption with equality test) gives up a symptom to anybody who has its ciphertext and the
vocabulary (``attack``); ``station`` (Diffie-Hellman with RSA) has no fault of that kind, but its bytes go to the peer
without a ratchet, and who takes part is tied to no enrolment. Every entrance asks for a ``ResearchPermit``; no package
that serves patients may import this one.
"""
