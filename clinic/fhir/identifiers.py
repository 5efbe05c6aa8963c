"""How members, grants and entries of a ledger are named in FHIR: logical references by identifier, ids from hashes.

The systems are URNs of a name space that is not registered (RFC 8141): the ids are random or hashes, unique without
any registry, and no web address is claimed for them.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field

from scheme.canonical import JsonObject

LEDGER = "urn:chartseal:ledger"
"""Genesis digest, 32 bytes in hex."""
TRANSACTION = "urn:chartseal:transaction"
"""Transaction id, 32 bytes in hex."""
TRANSACTION_TYPE = "urn:chartseal:transaction-type"
"""Code system: the transaction types of the ledger."""
ACTION = "urn:chartseal:consent-action"
"""Code system: read, write."""
CONSENT_POLICY = "urn:chartseal:consent-policy:1"
"""What docs/consent.md describes: nothing may be read but what a grant permits."""

# Ids of 16 bytes in hex.
MEMBER = "urn:chartseal:member"
REQUEST = "urn:chartseal:request"
GRANT = "urn:chartseal:grant"
RELEASE = "urn:chartseal:release"
SCOPE = "urn:chartseal:scope"
CHAPTER = "urn:chartseal:chapter"

_VERSION_8 = 0x8 << 76
_VARIANT = 0b10 << 62
_FREE = ~((0xF << 76) | (0b11 << 62))


def identifier(system: str, value: str) -> JsonObject:
    """A FHIR Identifier."""
    return {"system": system, "value": value}


def by_identifier(system: str, value: str) -> JsonObject:
    """A logical Reference to what has no resource in the bundle."""
    return {"identifier": identifier(system, value)}


@dataclass(frozen=True)
class People:
    """References to members; ``names`` (member id to name) are shown where given, and are nowhere else."""

    names: Mapping[str, str] = field(default_factory=dict)

    def reference(self, member: str, resource_type: str | None = None) -> JsonObject:
        """A logical Reference to a member; ``resource_type`` where it is certain."""
        found: JsonObject = {} if resource_type is None else {"type": resource_type}
        found |= by_identifier(MEMBER, member)
        if member in self.names:
            found["display"] = self.names[member]
        return found


def event_url(transaction_id: str) -> str:
    """``fullUrl`` of the AuditEvent of a transaction: a UUID of version 8 (RFC 9562) from its first 16 bytes."""
    return _url(bytes.fromhex(transaction_id)[:16])


def consent_url(transaction_id: str) -> str:
    """``fullUrl`` of the Consent that a transaction gave: from its last 16 bytes."""
    return _url(bytes.fromhex(transaction_id)[-16:])


def _url(data: bytes) -> str:
    number = int.from_bytes(data, "big") & _FREE | _VERSION_8 | _VARIANT
    return uuid.UUID(int=number).urn
