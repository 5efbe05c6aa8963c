"""The bodies; importing this package registers them all."""

from ledger.bodies.anchoring import AnchorBlocks, BlockAnchor, Withdraw
from ledger.bodies.consent import Extension, Grant, OneOff, Refuse, Request, Revoke
from ledger.bodies.consortium import AnchorChild, AnswerIndex, AskIndex, IndexPatients, UnindexPatients
from ledger.bodies.delegates import CommitSeed, RevealSeed, Stand, StandDown, VoteForDelegate
from ledger.bodies.evidence import Evidence, EvidenceKind
from ledger.bodies.family import FamilyAccept, FamilyEnd, FamilyInvite
from ledger.bodies.keycards import PublishKeyCard
from ledger.bodies.matching import PublishIssuerKey
from ledger.bodies.membership import OF_A_HOSPITAL, Enrol, MemberKeys, Reinstate, Remove, Renew, Role, Suspend
from ledger.bodies.reading import Release

__all__ = [
    "OF_A_HOSPITAL",
    "AnchorBlocks",
    "AnchorChild",
    "AnswerIndex",
    "AskIndex",
    "BlockAnchor",
    "CommitSeed",
    "Enrol",
    "Evidence",
    "EvidenceKind",
    "Extension",
    "FamilyAccept",
    "FamilyEnd",
    "FamilyInvite",
    "Grant",
    "IndexPatients",
    "MemberKeys",
    "OneOff",
    "PublishIssuerKey",
    "PublishKeyCard",
    "Refuse",
    "Reinstate",
    "Release",
    "Remove",
    "Renew",
    "Request",
    "RevealSeed",
    "Revoke",
    "Role",
    "Stand",
    "StandDown",
    "Suspend",
    "UnindexPatients",
    "VoteForDelegate",
    "Withdraw",
]
