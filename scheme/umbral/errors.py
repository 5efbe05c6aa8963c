"""Errors of ``scheme.umbral``."""

from scheme.errors import SchemeError


class UmbralError(SchemeError):
    """Root of the errors of proxy re-encryption."""

    code = "umbral"


class CapsuleInvalid(UmbralError):
    """A capsule whose proof does not hold for its label: changed, made by other software, or under another header."""

    code = "capsule-invalid"


class FragmentInvalid(UmbralError):
    """A fragment meant for this place that is forged or damaged: its signature, commitment or proof does not hold."""

    code = "fragment-invalid"


class FragmentForeign(UmbralError):
    """A fragment made for another grant, scope, key or capsule."""

    code = "fragment-foreign"


class FragmentDuplicate(UmbralError):
    """The same fragment handed in twice."""

    code = "fragment-duplicate"


class FragmentsMixed(UmbralError):
    """Fragments that were not made in one run of ``generate_rekey``."""

    code = "fragments-mixed"


class FragmentsTooFew(UmbralError):
    """Fewer fragments than the grant's threshold."""

    code = "fragments-too-few"


class FragmentsInconsistent(UmbralError):
    """Fragments, each sound by itself, that together do not open the capsule: the delegator signed wrong shares."""

    code = "fragments-inconsistent"
