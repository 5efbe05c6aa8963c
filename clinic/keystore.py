"""A member's secrets, in one password-sealed file (Argon2id, AES-256-GCM); public keys stand on the ledger."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from clinic import durable
from clinic.errors import HomeInvalid, NameUnknown
from scheme import canonical, keyfile
from scheme.hpke import HpkePrivateKey
from scheme.keys import SigningKey
from scheme.scopes import MasterSecret
from scheme.umbral import SecretKey
from scheme.wrap import WrappingKey


@dataclass(frozen=True, repr=False)
class MemberSecrets:
    """Everything secret that a member has; a patient also has an RSA wrapping key and a PRE master secret."""

    member_id: str
    role: str
    signing: SigningKey
    hpke: HpkePrivateKey
    receiving: SecretKey
    wrapping: WrappingKey | None = None
    master: MasterSecret | None = None

    @classmethod
    def generate(cls, member_id: str, role: str) -> MemberSecrets:
        """Fresh keys; about 0.15 s for a patient, because of RSA-3072."""
        patient = role == "patient"
        return cls(
            member_id,
            role,
            SigningKey.generate(),
            HpkePrivateKey.generate(),
            SecretKey.generate(),
            WrappingKey.generate() if patient else None,
            MasterSecret.generate() if patient else None,
        )

    def to_secret_bytes(self) -> bytes:
        """Canonical JSON of all secrets. Secret."""
        return canonical.dumps(
            {
                "type": "chartseal/member-secrets",
                "member": self.member_id,
                "role": self.role,
                "signing": canonical.b64(self.signing.to_secret_bytes()),
                "hpke": canonical.b64(self.hpke.to_secret_bytes()),
                "receiving": canonical.b64(self.receiving.to_secret_bytes()),
                "wrapping": canonical.b64(self.wrapping.to_secret_bytes()) if self.wrapping else None,
                "master": canonical.b64(self.master.to_secret_bytes()) if self.master else None,
            }
        )

    @classmethod
    def from_secret_bytes(cls, data: bytes) -> MemberSecrets:
        """Inverse of ``to_secret_bytes``. Raises ``EncodingInvalid``, ``HomeInvalid``."""
        value = canonical.loads(data, what="the keystore's content")
        try:
            wrapping, master = value["wrapping"], value["master"]
            return cls(
                str(value["member"]),
                str(value["role"]),
                SigningKey.from_secret_bytes(canonical.unb64(value["signing"], what="a key")),
                HpkePrivateKey.from_secret_bytes(canonical.unb64(value["hpke"], what="a key")),
                SecretKey.from_secret_bytes(canonical.unb64(value["receiving"], what="a key")),
                WrappingKey.from_secret_bytes(canonical.unb64(wrapping, what="a key")) if wrapping else None,
                MasterSecret(canonical.unb64(master, what="a key")) if master else None,
            )
        except KeyError:
            raise HomeInvalid("the keystore lacks a key; restore it from a backup") from None

    def __repr__(self) -> str:
        return f"MemberSecrets({self.role} {self.member_id})"


class FileKeystore:
    """One file a member in ``folder``, mode 0600."""

    def __init__(self, folder: Path, profile: keyfile.Argon2Profile = keyfile.INTERACTIVE) -> None:
        self._folder = folder
        self._profile = profile

    def path(self, member_id: str) -> Path:
        """Where the member's keystore lies."""
        return self._folder / f"{member_id}.keystore"

    def unlock(self, member_id: str, password: str) -> MemberSecrets:
        """The member's secrets. Raises ``keyfile.WrongPassword``, ``NameUnknown``."""
        path = self.path(member_id)
        if not path.exists():
            raise NameUnknown(
                "this home holds no keystore for that member; restore it from a backup or by recovery shares"
            )
        data = keyfile.open_keyfile(
            password, durable.read(path), _context(member_id), allow_test_profile=self._profile == keyfile.TEST
        )
        return MemberSecrets.from_secret_bytes(data)

    def store(self, secrets: MemberSecrets, password: str) -> None:
        """Keep (or replace) a member's secrets under ``password``."""
        sealed = keyfile.seal_keyfile(
            password, secrets.to_secret_bytes(), profile=self._profile, context=_context(secrets.member_id)
        )
        durable.write(self.path(secrets.member_id), sealed)


def _context(member_id: str) -> bytes:
    return b"chartseal/1/keystore/" + bytes.fromhex(member_id)
