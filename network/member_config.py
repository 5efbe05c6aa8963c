"""What a member's home is told by: its configuration, and what a lost one is made anew from."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from clinic.directory import Person
from clinic.errors import HomeInvalid
from clinic.home_folder import CONFIG
from clinic.proxy import MAX_STALENESS_S
from ledger.bodies import Role
from ledger.errors import FieldInvalid
from ledger.fields import MAX_INTEGER, Fields
from network import tls
from network.errors import IdentityInvalid, InvitationInvalid
from network.invitation import server_url
from scheme import canonical
from scheme.errors import EncodingInvalid

MEMBER_CONFIG = "chartseal/member-config"
"""Type of a member's config.json."""
LOST_HOME = "chartseal/lost-home"
"""Type of what ``MemberHome.to_rebuild`` notes."""
_FIELDS = frozenset({"type", "server", "genesis", "hospital", "member", "role", "threshold", "max_staleness_s"})
_LOST_FIELDS = frozenset({"type", "config", "ca", "people"})


@dataclass(frozen=True)
class MemberConfig:
    """What `join` pinned: the server's URL, the ledger's genesis digest, the hospital; and whose home it is."""

    server: str
    genesis: str
    hospital: str
    member: str
    role: Role
    threshold: int
    max_staleness_s: int = MAX_STALENESS_S

    def __bytes__(self) -> bytes:
        return canonical.dumps({"type": MEMBER_CONFIG, **asdict(self), "role": self.role.value})

    @classmethod
    def from_bytes(cls, data: bytes) -> MemberConfig:
        """Inverse of ``bytes``. Raises ``HomeInvalid``."""
        try:
            fields = Fields(canonical.loads(data, what=CONFIG), _FIELDS, what=CONFIG)
            return cls(
                server_url(str(fields.raw("server"))),
                fields.digest("genesis"),
                fields.identifier("hospital"),
                fields.identifier("member"),
                fields.choice("role", Role),
                fields.integer("threshold", minimum=1),
                fields.integer("max_staleness_s", minimum=1),
            )
        except (EncodingInvalid, FieldInvalid, InvitationInvalid):
            raise HomeInvalid(
                f"{CONFIG} lacks a setting or has one of the wrong type; restore it from a backup"
            ) from None


@dataclass(frozen=True)
class LostHome:
    """What a home is made anew from, beside keys: configuration, the pinned CA (PEM), whom its owner knew by name."""

    config: MemberConfig
    ca: str
    people: tuple[Person, ...]

    def __bytes__(self) -> bytes:
        value = {"config": canonical.b64(bytes(self.config)), "ca": self.ca, "people": [asdict(p) for p in self.people]}
        return canonical.dumps({"type": LOST_HOME, **value})

    @classmethod
    def from_bytes(cls, data: bytes) -> LostHome:
        """Inverse of ``bytes``. Raises ``HomeInvalid``."""
        try:
            fields = Fields(canonical.loads(data, what="the lost home"), _LOST_FIELDS, what="lost home")
            config = MemberConfig.from_bytes(canonical.unb64(fields.raw("config"), what=CONFIG))
            people = fields.array("people", minimum=1, maximum=MAX_INTEGER)
            ca = str(fields.raw("ca"))
            tls.fingerprint(ca)
            return cls(config, ca, tuple(_person(each) for each in people))
        except (EncodingInvalid, FieldInvalid, IdentityInvalid):
            raise HomeInvalid("what the shares say of the lost home is damaged; ask other guardians") from None


def _person(value: object) -> Person:
    fields = Fields(value, frozenset({"member_id", "role", "name"}), what="person")
    return Person(fields.identifier("member_id"), fields.choice("role", Role).value, str(fields.raw("name")))
