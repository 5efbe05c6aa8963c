"""The suite: one identifier in every header and key card names all algorithms and sizes at once."""

from dataclasses import dataclass

from scheme.errors import UnknownSuite


@dataclass(frozen=True)
class Suite:
    """A fixed choice of algorithms; there is no negotiation, so nothing can be negotiated down."""

    id: str
    bulk: str
    pre: str
    wrap: str
    signature: str
    kdf: str
    sealed_to: str


SUITE_1 = Suite(
    id="chartseal-1",
    bulk="Cobblestone-256 (c2sp.org/chunked-encryption, AES-256-GCM, SHA-512)",
    pre="umbral over secp256k1 with SHA-256 (Nunez 2018)",
    wrap="RSA-3072 OAEP with SHA-256 (RFC 8017)",
    signature="Ed25519 (RFC 8032)",
    kdf="HKDF-SHA-256 (RFC 5869)",
    sealed_to="HPKE base mode, X25519, HKDF-SHA-256, AES-256-GCM (RFC 9180)",
)

_KNOWN = {SUITE_1.id: SUITE_1}


def lookup(suite_id: object) -> Suite:
    """The suite of that identifier. Raises ``UnknownSuite``: upgrade, or the bytes are not ChartSeal's."""
    suite = _KNOWN.get(suite_id) if isinstance(suite_id, str) else None
    if suite is None:
        shown = suite_id if isinstance(suite_id, str) and len(suite_id) <= 32 and suite_id.isprintable() else "?"
        raise UnknownSuite(f"suite {shown!r} is not known to this version; known: {', '.join(_KNOWN)}")
    return suite
