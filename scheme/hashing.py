"""Tagged hashes: each purpose has a domain of its own, so that no digest can stand in for another.

The construction is BIP-340's: SHA-256(SHA-256(tag) || SHA-256(tag) || message). The one exception in the whole project
is the link between two block headers, which is the plain SHA-256 of ``header.json`` so that ``sha256sum`` confirms it.
"""

import hashlib
from enum import StrEnum
from functools import cache

DIGEST_SIZE = 32
SALT_SIZE = 32


class Tag(StrEnum):
    """Every purpose for which ChartSeal hashes or signs; the value is part of the formats and never changes."""

    CAPSULE = "capsule"
    CHAIN_GENESIS = "chain-genesis"
    CHAIN_ID = "chain-id"
    COMMITMENT = "commitment"
    KEY_ID = "key-id"
    SCOPE_ID = "scope-id"
    BLOCK_HEADER = "block-header"
    MANIFEST = "manifest"
    MEMBER = "member"
    KEY_CARD = "key-card"
    MEMBER_KEYS = "member-keys"
    KEY_FRAGMENT = "key-fragment"
    UMBRAL_GENERATOR = "umbral-generator"
    UMBRAL_CAPSULE = "umbral-capsule"
    UMBRAL_SHARED = "umbral-shared"
    UMBRAL_SHARE_INDEX = "umbral-share-index"
    UMBRAL_PROOF = "umbral-proof"
    TRANSACTION = "transaction"
    LEDGER_GENESIS = "ledger-genesis"
    LEDGER_ENTRY = "ledger-entry"
    LEDGER_STATE = "ledger-state"
    LEDGER_HEADER = "ledger-header"
    LEDGER_VOTE = "ledger-vote"
    DELEGATE_SET = "delegate-set"
    DELEGATE_KEY = "delegate-key"
    EPOCH_SEED = "epoch-seed"
    EPOCH_ORDER = "epoch-order"
    SEED_COMMITMENT = "seed-commitment"
    SEED_SECRET = "seed-secret"  # noqa: S105 (a purpose)
    EXTERNAL_HEAD = "external-head"
    INDEX_TAG = "index-tag"
    RECOVERY_SHARE = "recovery-share"
    LETTER = "letter"
    UMBRAL_KEM = "umbral-kem"
    KEYFILE = "keyfile"
    SYMPTOM = "symptom"
    TAG_KEYS = "tag-keys"
    BLINDED_BATCH = "blinded-batch"
    EQUALITY_MASK = "equality-mask"
    STATION_TO_STATION = "station-to-station"
    MATCH_OFFER = "match-offer"
    MATCH_ACCEPTANCE = "match-acceptance"
    MATCH_DECLINE = "match-decline"
    BINDING_RULE = "binding-rule"
    SHARED_SECRETS = "shared-secrets"
    SESSION_BINDING = "session-binding"
    SESSION_MESSAGE = "session-message"
    SESSION_REPORT = "session-report"
    RELAY_HANDLE = "relay-handle"
    INDEX_REQUEST = "index-request"
    INDEX_USE = "index-use"
    MATCH_ORDER = "match-order"
    ISSUER_REQUEST = "issuer-request"
    PSEUDONYM_REQUEST = "pseudonym-request"
    MATCH_QUERY = "match-query"
    PROXY_ASK = "proxy-ask"
    PROXY_FRAGMENT = "proxy-fragment"
    PROXY_ANSWER = "proxy-answer"
    PROXY_FAULT = "proxy-fault"
    ENDPOINT = "endpoint"


@cache
def _prefix(tag: Tag) -> bytes:
    digest = hashlib.sha256(f"chartseal/1/{tag}".encode()).digest()
    return digest + digest


def tagged_hash(tag: Tag, *parts: bytes) -> bytes:
    """SHA-256 of ``parts`` in the domain of ``tag``: 32 bytes. Each part is framed by its length (8 bytes)."""
    digest = hashlib.sha256(_prefix(tag))
    for part in parts:
        digest.update(len(part).to_bytes(8, "big"))
        digest.update(part)
    return digest.digest()


def commit(salt: bytes, body: bytes) -> bytes:
    """Salted commitment to ``body`` (32 bytes) as the ledger holds it; ``salt`` is 32 random bytes.

    Raises ``ValueError`` on a salt of another length: a short salt would let a guessed body be confirmed.
    """
    if len(salt) != SALT_SIZE:
        raise ValueError(f"a commitment salt has {SALT_SIZE} bytes, not {len(salt)}")
    return tagged_hash(Tag.COMMITMENT, salt, body)
