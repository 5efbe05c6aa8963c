"""Pure cryptography and formats: bytes in, bytes out; no files, no network, no clock.

Read in the order data flows: ``record -> manifest -> seal -> block -> chain`` for what is stored,
``scopes -> keycard -> chapter`` for under which key, and ``umbral`` (``rekey -> reencrypt -> open``) for who else may
have it.
"""
