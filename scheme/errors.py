"""Errors of ``scheme``: one root, a stable code each, one sentence that says what to do, nothing secret in it."""

from typing import ClassVar


class ChartSealError(Exception):
    """Root of every error that ChartSeal raises on purpose; each package derives one root of its own.

    ``code`` is stable across versions: programs match on it, people read the sentence.
    """

    code: ClassVar[str] = "error"


class SchemeError(ChartSealError):
    """Root of the errors of ``scheme``."""

    code = "scheme"


class EncodingInvalid(SchemeError):
    """Bytes that are not the encoding they should be: length, range, canonical form."""

    code = "encoding-invalid"


class UnknownSuite(SchemeError):
    """A suite identifier that this version does not know."""

    code = "unknown-suite"


class SignatureInvalid(SchemeError):
    """A signature that the named key did not make over these bytes."""

    code = "signature-invalid"


class NotForThisKey(SchemeError):
    """Sealed for somebody else: the key at hand is sound, it is just not the one. Not the same as damage."""

    code = "not-for-this-key"


class Damaged(SchemeError):
    """Ciphertext that was changed, cut, extended or reordered."""

    code = "damaged"
