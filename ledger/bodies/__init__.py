"""The bodies of version 1; importing this package registers them all."""

from ledger.bodies.anchoring import AnchorBlocks, BlockAnchor, Withdraw
from ledger.bodies.consent import Extension, Grant, OneOff, Refuse, Request, Revoke
from ledger.bodies.keycards import PublishKeyCard
from ledger.bodies.membership import Enrol, MemberKeys, Remove, Role
from ledger.bodies.reading import Release

__all__ = [
    "AnchorBlocks",
    "BlockAnchor",
    "Enrol",
    "Extension",
    "Grant",
    "MemberKeys",
    "OneOff",
    "PublishKeyCard",
    "Refuse",
    "Release",
    "Remove",
    "Request",
    "Revoke",
    "Role",
    "Withdraw",
]
