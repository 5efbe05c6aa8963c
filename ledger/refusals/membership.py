"""Refusals about members, their keys and certificates."""

from ledger.refusals.refused import Refused


class MemberUnknown(Refused):
    """A member named in the transaction was never enrolled."""

    code = "member-unknown"


class MemberRemoved(Refused):
    """A member named in the transaction was removed."""

    code = "member-removed"


class MemberSuspended(Refused):
    """A member named in the transaction is suspended."""

    code = "member-suspended"


class MemberNotSuspended(Refused):
    """The member to be reinstated is not suspended."""

    code = "member-not-suspended"


class CertificateRefused(Refused):
    """The certificate is not the authority's for this member, role, key and time."""

    code = "certificate-refused"


class MemberExists(Refused):
    """The member is enrolled already."""

    code = "member-exists"


class MemberKeysDiffer(Refused):
    """A patient is enrolled with a further hospital under keys other than her own."""

    code = "member-keys-differ"


class KeyInUse(Refused):
    """The verifying key belongs to another member."""

    code = "key-in-use"


class KeyProofInvalid(Refused):
    """The new member's own key did not sign the keys to be enrolled."""

    code = "key-proof-invalid"


class WrongRole(Refused):
    """A member named in the transaction does not have the role that its place needs."""

    code = "wrong-role"
