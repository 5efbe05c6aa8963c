"""Joining, on the member's side: an invitation pins the server, keys are made here, and the ledger shows the enrolment.

Order: what is pinned -> keys -> ``joining.json`` with code and application -> the server -> the own entry on the
followed ledger, checked -> a patient's first card -> ``joining.json`` away. Each step is durable before the next;
whatever interrupts it, the next command goes on. A lost home that is made anew has the server behind it already.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import httpx

from clinic import durable
from clinic.certified import certified_member
from clinic.enrolment import Application, publish_first_card
from clinic.errors import HomeInvalid
from clinic.keystore import MemberSecrets
from clinic.site import Site
from ledger.bodies import Role
from ledger.errors import FieldInvalid
from ledger.fields import Fields
from network import tls, wire
from network.admission import Status, application_from_json, application_to_json
from network.client.ledger import FollowingLedger
from network.client.transport import CONNECT_TIMEOUT_S, READ_TIMEOUT_S, Transport, parsed
from network.errors import (
    AnswerInvalid,
    ApplicationInvalid,
    EnrolmentDiffers,
    IdentityInvalid,
    InvitationInvalid,
    NotAdmitted,
    ServerNotPinned,
    ServerUnreachable,
)
from network.invitation import Invitation, code_from_text, code_to_text
from scheme import canonical
from scheme.errors import EncodingInvalid

JOINING = "joining.json"
MAX_TRUST_BYTES = 64 << 10
_TYPE = "chartseal/joining"
_FIELDS = frozenset({"type", "code", "application"})
_TRUST = frozenset({"genesis", "hospital", "ca", "threshold"})


@dataclass(frozen=True)
class Trust:
    """What a server says of itself, as the invitation has it: genesis digest, CA (PEM); and its hospital, threshold."""

    genesis: str
    hospital: str
    ca: str
    threshold: int


def pin(invitation: Invitation) -> Trust:
    """Ask the server who it is, and compare with the invitation; nothing secret is sent.

    Raises ``ServerUnreachable``, ``ServerNotPinned``, ``AnswerInvalid``.
    """
    # The one connection to a server that nothing is known of yet: what it says counts only if it is as invited.
    timeout = httpx.Timeout(READ_TIMEOUT_S, connect=CONNECT_TIMEOUT_S)
    try:
        with (
            httpx.Client(verify=False, timeout=timeout, trust_env=False) as client,  # noqa: S501 (see above)
            client.stream("GET", invitation.url + wire.TRUST) as response,
        ):
            if not response.is_success:
                raise AnswerInvalid(f"the server answered with status {response.status_code}; is it a hospital's?")
            data = b""
            for chunk in response.iter_raw():
                data += chunk
                if len(data) > MAX_TRUST_BYTES:
                    raise AnswerInvalid("the server says more of itself than it may; is it a hospital's?")
    except httpx.HTTPError:
        raise ServerUnreachable(f"{invitation.url} cannot be reached; check the address and the network") from None
    return _checked(data, invitation)


def _checked(data: bytes, invitation: Invitation) -> Trust:
    try:
        fields = Fields(parsed(data), _TRUST, what="trust")
        if fields.raw("hospital") is None:
            raise AnswerInvalid("that server has no hospital yet; have one enrolled there, then join")
        trust = Trust(
            fields.digest("genesis"),
            fields.identifier("hospital"),
            str(fields.raw("ca")),
            fields.integer("threshold", minimum=1),
        )
        found = tls.fingerprint(trust.ca)
    except (FieldInvalid, IdentityInvalid) as error:
        raise AnswerInvalid(f"the server does not say who it is ({error}); is it a hospital's?") from None
    if (found, trust.genesis) != (invitation.ca_sha256, invitation.genesis):
        raise ServerNotPinned(
            "the server is not the one that invited: it shows another certificate authority or another ledger; join "
            "nothing, and ask the hospital"
        )
    return trust


@dataclass(frozen=True)
class Joining:
    """What is left to do of joining, in a member's home ``folder``."""

    folder: Path

    @property
    def pending(self) -> bool:
        """Whether anything is."""
        return self._path.exists()

    def begin(self, code: bytes | None, application: Application) -> None:
        """Keep the invitation's code (16 bytes) and what goes to the server with it; also in place of another code.

        ``None`` for a member who is enrolled: nothing goes to the server, and the enrolment is checked alone.
        """
        text = None if code is None else code_to_text(code)
        durable.write(
            self._path, canonical.dumps({"type": _TYPE, "code": text, "application": application_to_json(application)})
        )

    def load(self) -> tuple[bytes | None, Application]:
        """What ``begin`` kept. Raises ``HomeInvalid``."""
        try:
            fields = Fields(canonical.loads(durable.read(self._path), what=JOINING), _FIELDS, what=JOINING)
            code = fields.raw("code")
            return None if code is None else code_from_text(str(code)), application_from_json(fields.raw("application"))
        except (EncodingInvalid, FieldInvalid, InvitationInvalid, ApplicationInvalid):
            raise HomeInvalid(f"{JOINING} is damaged; delete this home and join with a new invitation") from None

    def apply(self, transport: Transport, code: bytes, application: Application) -> Status:
        """Send the application, the first time or again. Raises ``InvitationInvalid``, ``ServerUnreachable``."""
        asked = application_to_json(application) | {"code": code_to_text(code)}
        answer = transport.post_json(wire.JOIN, asked, signed=False)
        try:
            return Status(str(answer.get("status")))
        except ValueError:
            raise AnswerInvalid("the server does not say what became of the application; join again") from None

    def finish(self, site: Site, ledger: FollowingLedger, secrets: Callable[[], MemberSecrets]) -> None:
        """Check the own enrolment on ``ledger``, and do what follows from it.

        Raises ``NotAdmitted`` while the authority has not decided, ``EnrolmentDiffers``, ``CertificateInvalid``.
        """
        code, application = self.load()
        member_id = application.member_id
        if site.state().member(member_id) is None:
            if code is not None and self.apply(ledger.transport, code, application) is Status.WAITING:
                raise NotAdmitted(
                    "the authority of the hospital has not admitted this member yet; try again when it has"
                )
            ledger.follow()
        self.require_own(site, application)
        if application.role is Role.PATIENT and site.state().key_card(member_id) is None:
            publish_first_card(site, secrets())
        self._path.unlink(missing_ok=True)

    def require_own(self, site: Site, application: Application) -> None:
        """Return if the ledger has the member with the keys of ``application``. Raises ``EnrolmentDiffers``."""
        if site.state().member(application.member_id) is None:
            raise EnrolmentDiffers("the server says that this member is enrolled, but its ledger does not show it")
        member = certified_member(site.state(), application.member_id)
        if (member.role, member.keys) != (application.role, application.keys):
            raise EnrolmentDiffers(
                "the ledger has this member with other keys or another role than were asked for; use nothing of it, "
                "and ask the hospital"
            )

    @property
    def _path(self) -> Path:
        return self.folder / JOINING
