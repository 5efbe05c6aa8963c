"""Diffie-Hellman with RSA signatures: mutual authentication of two who know each other's RSA keys, in three messages.

Source: W. Diffie, P. C. van Oorschot, M. J. Wiener, "Authentication and Authenticated Key Exchanges", Designs, Codes
and Cryptography 2, 1992 (station-to-station, variant with a MAC), over the group ffdhe3072 of RFC 7919, appendix A.2.

    initiator -> responder: g^x                                        384 bytes
    responder -> initiator: g^y, signature, MAC over the signature     384 + 384 + 32 bytes
    initiator -> responder: signature, MAC over the signature          384 + 32 bytes

Each signs (RSA-3072, PSS, SHA-256) its role, both RSA keys and both shares, and proves by the MAC that it has the
shared key, so that nobody can put its own name under the other's share. The exponents are Python integers, not
constant in time: for cost comparison only, and the library's own finite-field exchange is about to be removed.
"""

from __future__ import annotations

import hmac
import secrets

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from matching.errors import AuthenticationFailed
from matching.published.permit import ResearchPermit, require_permit
from scheme.hashing import Tag, tagged_hash

SHARE_SIZE = 384
SIGNATURE_SIZE = 384
MAC_SIZE = 32
KEY_SIZE = 32
RSA_BITS = 3072
PRIME = int(
    "FFFFFFFFFFFFFFFFADF85458A2BB4A9AAFDC5620273D3CF1D8B9C583CE2D3695A9E13641146433FBCC939DCE249B3EF9"
    "7D2FE363630C75D8F681B202AEC4617AD3DF1ED5D5FD65612433F51F5F066ED0856365553DED1AF3B557135E7F57C935"
    "984F0C70E0E68B77E2A689DAF3EFE8721DF158A136ADE73530ACCA4F483A797ABC0AB182B324FB61D108A94BB2C8E3FB"
    "B96ADAB760D7F4681D4F42A3DE394DF4AE56EDE76372BB190B07A7C8EE0A6D709E02FCE1CDF7E2ECC03404CD28342F61"
    "9172FE9CE98583FF8E4F1232EEF28183C3FE3B1B4C6FAD733BB5FCBC2EC22005C58EF1837D1683B2C6F34A26C1B2EFFA"
    "886B4238611FCFDCDE355B3B6519035BBC34F4DEF99C023861B46FC9D6E6C9077AD91D2691F7F7EE598CB0FAC186D91C"
    "AEFE130985139270B4130C93BC437944F4FD4452E2D74DD364F2E21E71F54BFF5CAE82AB9C9DF69EE86D2BC522363A0D"
    "ABC521979B0DEADA1DBF9A42D5C4484E0ABCD06BFA53DDEF3C1B20EE3FD59D7C25E41D2B66C62E37FFFFFFFFFFFFFFFF",
    16,
)
GENERATOR = 2
_EXPONENT_BITS = 275
"""RFC 7919, section 5.2: 275 bits for ffdhe3072."""
_PSS = padding.PSS(padding.MGF1(SHA256()), padding.PSS.DIGEST_LENGTH)


class Party:
    """One side, for one exchange. ``own`` and ``peer`` are RSA-3072 keys; the peer's was learnt beforehand.

    The methods raise ``AuthenticationFailed`` on whatever the expected peer would not have sent, and when they are
    called out of turn. Raises ``PublishedSchemeRefused``, and ``AuthenticationFailed`` on RSA keys of another size.
    """

    def __init__(self, own: RSAPrivateKey, peer: RSAPublicKey, permit: ResearchPermit) -> None:
        require_permit(permit)
        if own.key_size != RSA_BITS or peer.key_size != RSA_BITS:
            raise AuthenticationFailed(f"both RSA keys must have {RSA_BITS} bits")
        self._own = own
        self._peer = peer
        self._exponent = (1 << (_EXPONENT_BITS - 1)) | secrets.randbits(_EXPONENT_BITS - 1)
        self._share = pow(GENERATOR, self._exponent, PRIME).to_bytes(SHARE_SIZE, "big")
        self._state = "new"
        self._role = ""
        self._shares = b""
        self._mac_key = b""
        self._session_key = b""

    def initiate(self) -> bytes:
        """First message: g^x, 384 bytes."""
        self._step("new", "initiated")
        self._role = "initiator"
        return self._share

    def respond(self, first: bytes) -> bytes:
        """Second message (800 bytes), from the first."""
        self._step("new", "responded")
        self._role = "responder"
        self._agree(first, first + self._share)
        return self._share + self._signed("responder")

    def confirm(self, second: bytes) -> bytes:
        """Third message (416 bytes), from the second; the initiator has the session key then."""
        self._step("initiated", "failed")
        share, proof = second[:SHARE_SIZE], second[SHARE_SIZE:]
        self._agree(share, self._share + share)
        self._check("responder", proof)
        self._state = "done"
        return self._signed("initiator")

    def accept(self, third: bytes) -> None:
        """Check the third message; the responder has the session key then."""
        self._step("responded", "failed")
        self._check("initiator", third)
        self._state = "done"

    @property
    def session_key(self) -> bytes:
        """32 bytes, the same for both. Secret. Raises ``AuthenticationFailed`` before the peer is authenticated."""
        if self._state != "done":
            raise AuthenticationFailed("the peer is not authenticated yet")
        return self._session_key

    def _step(self, before: str, after: str) -> None:
        if self._state != before:
            raise AuthenticationFailed("this message is out of turn; start a new exchange")
        self._state = after

    def _agree(self, share: bytes, shares: bytes) -> None:
        number = int.from_bytes(share, "big")
        # Of order q: a share of small order would make the key one of few; RFC 7919, section 5.1.
        if len(share) != SHARE_SIZE or not 1 < number < PRIME - 1 or pow(number, (PRIME - 1) // 2, PRIME) != 1:
            self._state = "failed"
            raise AuthenticationFailed("the peer's share is no element of the group")
        shared = pow(number, self._exponent, PRIME).to_bytes(SHARE_SIZE, "big")
        self._exponent = 0
        self._shares = shares
        agreed = tagged_hash(Tag.STATION_TO_STATION, shared, shares[:SHARE_SIZE], shares[SHARE_SIZE:])
        keys = HKDFExpand(SHA256(), 2 * KEY_SIZE, b"chartseal/1/station-to-station").derive(agreed)
        self._mac_key, self._session_key = keys[:KEY_SIZE], keys[KEY_SIZE:]

    def _message(self, role: str) -> bytes:
        own, peer = _name(self._own.public_key()), _name(self._peer)
        signer, other = (own, peer) if role == self._role else (peer, own)
        return tagged_hash(Tag.STATION_TO_STATION, role.encode(), signer, other, self._shares)

    def _signed(self, role: str) -> bytes:
        signature = self._own.sign(self._message(role), _PSS, SHA256())
        return signature + self._mac(role, signature)

    def _mac(self, role: str, signature: bytes) -> bytes:
        return hmac.digest(self._mac_key, role.encode() + signature, "sha256")

    def _check(self, role: str, proof: bytes) -> None:
        signature, mac = proof[:SIGNATURE_SIZE], proof[SIGNATURE_SIZE:]
        try:
            self._peer.verify(signature, self._message(role), _PSS, SHA256())
            proven = hmac.compare_digest(mac, self._mac(role, signature))
        except InvalidSignature:
            proven = False
        if not proven:
            self._state = "failed"
            raise AuthenticationFailed("the other side is not the peer that was expected; start a new exchange")


def _name(key: RSAPublicKey) -> bytes:
    return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
