"""The table of roles: every kind of transaction, how it is made for a signer, and what each signer gets."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from ledger.bodies import (
    AnchorChild,
    AnswerIndex,
    AskIndex,
    CommitSeed,
    Evidence,
    FamilyAccept,
    FamilyEnd,
    FamilyInvite,
    IndexPatients,
    PublishIssuerKey,
    Refuse,
    Reinstate,
    Remove,
    Renew,
    RevealSeed,
    Revoke,
    Role,
    Stand,
    StandDown,
    Suspend,
    UnindexPatients,
    VoteForDelegate,
    Withdraw,
)
from ledger.bodies.consortium import external_head, index_tag
from ledger.bodies.evidence import EvidenceKind
from ledger.header import LedgerHeader
from ledger.registry import Body
from ledger.seed import commitment, committing
from ledger.votes import cast_vote
from tests.ledger.scene import FOUNDERS, START, Scene, certificate, digest, enrolment, ident, signing_key

DELEGATE, ACCUSED = FOUNDERS[:2]

SIGNERS = {
    "authority": "authority",
    "hospital": "north",
    "doctor": "dora",
    "patient": "paula",
    "proxy": "proxy 1",
    "notary": "nora",
    "issuer": "ilse",
    "delegate": DELEGATE,
}
"""Column of the table to who stands in it: everybody else is at north hospital or at none."""

NEVER = {
    "signer-removed": "rita",
    "signer-suspended": "sven",
    "signer-unknown": "stranger",
    "certificate-expired": "edna",
}
"""Code to who gets it for whatever it signs."""


def peopled(scene: Scene) -> Scene:
    """Everybody of ``SIGNERS`` and ``NEVER``; something of each kind that a transaction can be about."""
    for body in (
        enrolment("nora", Role.NOTARY), enrolment("nemo", Role.NOTARY), enrolment("spare", Role.PROXY),
        enrolment("ilse", Role.ISSUER), enrolment("igor", Role.ISSUER),
    ):  # fmt: skip
        scene.do(body, "authority")
    for name in ("dana", "rita", "sven", "edna"):
        scene.do(enrolment(name, Role.DOCTOR, "north"), "north")
    scene.do(enrolment("chris", Role.PATIENT, "south"), "south")
    scene.do(Remove(ident("rita")), "north")
    for name in ("sven", "dana"):
        scene.do(Suspend(ident(name), digest("reason")), "authority")
    scene.do(Renew(ident("edna"), certificate("edna", Role.DOCTOR, days=1)), "authority")
    scene.now += 86_401
    scene.do(scene.anchor(chain=ident("paula at north")), "north")
    petras = scene.anchor(patient=ident("petra"), chain=ident("petra at north"), scope="petra's laboratory")
    scene.do(petras, "north")
    scene.do(IndexPatients((index_tag(ident("petra")),)), "nora")
    return scene


def _block(scene: Scene, patient: str) -> str:
    return scene.state.blocks(patient=ident(patient))[0].locator


def _petras_grant(scene: Scene, delegatee: str) -> str:
    body = scene.grant(patient=ident("petra"), delegatee=ident(delegatee), scopes=(ident("petra's laboratory"),))
    scene.do(body, "petra")
    return body.grant


# A body in which the signer puts itself in the actor's place, with everything else right


def _card(scene: Scene, signer: str) -> Body:
    return replace(scene.card(3, ("a new scope",)), patient=ident(signer))


def _anchor(scene: Scene, signer: str) -> Body:
    return scene.anchor(hospital=ident(signer))


def _withdraw(scene: Scene, signer: str) -> Body:
    return Withdraw(ident("paula"), _block(scene, "paula"), digest("reason"))


def _request(scene: Scene, signer: str) -> Body:
    return scene.request(patient=ident("petra"), delegatee=ident(signer))


def _refuse(scene: Scene, signer: str) -> Body:
    asked = scene.request()
    scene.do(asked, "saul")
    return Refuse(asked.request, digest("reason"))


def _revoke(scene: Scene, signer: str) -> Body:
    granted = scene.grant()
    scene.do(granted, "paula")
    return Revoke(granted.grant, None, ())


def _release(scene: Scene, signer: str) -> Body:
    enrolled = scene.state.member(ident(signer))
    grant = _petras_grant(scene, signer if enrolled is not None and enrolled.active else "saul")
    chapter = scene.state.blocks(patient=ident("petra"))[0].chapter
    return scene.release(grant, chapter, patient=ident("petra"))


def _link(scene: Scene, signer: str) -> str:
    child = "paula" if signer == "paula" else "chris"
    grant = scene.grant(patient=ident("petra"), delegatee=ident(child), scopes=(ident("petra's laboratory"),))
    scene.do(FamilyInvite(grant), "petra")
    return grant.grant


def _renewal(scene: Scene, signer: str) -> Body:
    return Renew(ident("petra"), certificate("petra", Role.PATIENT, now=scene.now, days=9))


def _child_head(scene: Scene, signer: str) -> Body:
    child, internal = digest("ledger of north"), digest("its newest header")
    return AnchorChild(child, ident("north"), 7, internal, child, external_head(internal, child))


def _answer(scene: Scene, signer: str) -> Body:
    scene.do(AskIndex(ident("an ask"), index_tag(ident("petra")), digest("why")), "dora")
    return AnswerIndex(ident("an ask"), b"sealed to dora")


def _stand(scene: Scene, signer: str) -> Body:
    return Stand.of(ident(f"delegate of {signer}"), signing_key(f"delegate of {signer}"), ident(signer))


def _stand_down(scene: Scene, signer: str) -> Body:
    if signer in {"north", "dora"}:
        scene.do(_stand(scene, signer), signer)
    return StandDown()


def _commit(scene: Scene, signer: str) -> Body:
    return CommitSeed(0, commitment(scene.state.genesis.digest, 0, ident(signer), digest("secret")))


def _empty_block(scene: Scene) -> None:
    scene.state.begin(round=0, time=scene.now)
    scene.state.finish()
    scene.state.settle(digest(f"block {scene.state.height + 1}"), scene.now)


def _reveal(scene: Scene, signer: str) -> Body:
    if signer == DELEGATE:
        scene.do(_commit(scene, signer), signer)
        while committing(scene.state.genesis, scene.state.height + 1):
            _empty_block(scene)
    return RevealSeed(0, digest("secret"))


def _double_sign(scene: Scene, signer: str) -> Body:
    header = LedgerHeader(
        ledger=scene.state.genesis.digest, height=1, round=0, epoch=0, time=START, proposer=ident(ACCUSED),
        previous=scene.state.genesis.digest, size=1, entries_root=digest("one"), state_root=digest("root"),
        delegates=digest("delegates"), next_delegates=digest("delegates"),
    )  # fmt: skip
    both = (header, replace(header, entries_root=digest("another")))
    votes = (cast_vote(signing_key(ACCUSED), ident(ACCUSED), each, accept=True) for each in both)
    return Evidence(EvidenceKind.DOUBLE_SIGN, None, tuple(votes))


@dataclass(frozen=True)
class Action:
    """A row: the type of transaction, what it does here, how it is made for a signer, and what each signer gets.

    ``admitted`` are the columns that may; ``otherwise`` is what the others get, or what ``codes`` says by column.
    ``names_actor`` is whether the body says who acts.
    """

    type: str
    what: str
    make: Callable[[Scene, str], Body]
    admitted: str
    otherwise: str = ""
    codes: str = ""
    names_actor: bool = False

    def outcomes(self) -> dict[str, str]:
        """Column to ``yes`` or the code."""
        own = dict(pair.split("=") for pair in self.codes.split())
        return {
            column: "yes" if column in self.admitted.split() else own.get(column, self.otherwise) for column in SIGNERS
        }


_UNKNOWN = "authority=member-unknown delegate=member-unknown"

ACTIONS = (
    Action("enrol", "a hospital", lambda _, __: enrolment("new", Role.HOSPITAL), "authority", "not-authority"),
    Action("enrol", "a proxy", lambda _, __: enrolment("new", Role.PROXY), "authority", "not-authority"),
    Action("enrol", "a notary", lambda _, __: enrolment("new", Role.NOTARY), "authority", "not-authority"),
    Action("enrol", "an issuer", lambda _, __: enrolment("new", Role.ISSUER), "authority", "not-authority"),
    Action(
        "enrol", "an own doctor", lambda _, signer: enrolment("new", Role.DOCTOR, signer),
        "hospital", "wrong-role", _UNKNOWN, names_actor=True,
    ),
    Action(
        "enrol", "an own patient", lambda _, signer: enrolment("new", Role.PATIENT, signer),
        "hospital", "wrong-role", _UNKNOWN, names_actor=True,
    ),
    Action("remove", "a hospital", lambda _, __: Remove(ident("south")), "authority", "not-authority"),
    Action("remove", "a proxy", lambda _, __: Remove(ident("spare")), "authority", "not-authority"),
    Action("remove", "a notary", lambda _, __: Remove(ident("nemo")), "authority", "not-authority"),
    Action("remove", "an issuer", lambda _, __: Remove(ident("igor")), "authority", "not-authority"),
    Action("remove", "a doctor of its own", lambda _, __: Remove(ident("dora")), "authority hospital", "wrong-signer"),
    Action(
        "remove", "a patient of its own", lambda _, __: Remove(ident("petra")),
        "authority hospital", "wrong-signer",
    ),
    Action("remove", "another's doctor", lambda _, __: Remove(ident("saul")), "authority", "wrong-signer"),
    Action("remove", "another's patient", lambda _, __: Remove(ident("chris")), "authority", "wrong-signer"),
    Action("renew", "a certificate", _renewal, "authority", "not-authority"),
    Action("suspend", "a member", lambda _, __: Suspend(ident("petra"), digest("why")), "authority", "not-authority"),
    Action("reinstate", "a member", lambda _, __: Reinstate(ident("dana")), "authority", "not-authority"),
    Action("publish-key-card", "its own", _card, "patient", "wrong-role", _UNKNOWN, names_actor=True),
    Action("anchor-blocks", "of its own authors", _anchor, "hospital", "wrong-role", _UNKNOWN, names_actor=True),
    Action("withdraw", "what it wrote or anchored", _withdraw, "hospital doctor", "wrong-signer"),
    Action(
        "request", "to read or write", _request, "hospital doctor patient proxy notary issuer", "", _UNKNOWN,
        names_actor=True,
    ),
    Action(
        "grant", "its own scopes", lambda scene, signer: scene.grant(patient=ident(signer)),
        "patient", "wrong-role", _UNKNOWN, names_actor=True,
    ),
    Action("refuse", "a request to it", _refuse, "patient", "request-foreign"),
    Action("revoke", "a grant of its own", _revoke, "patient", "wrong-signer"),
    Action(
        "release", "what was granted to it", _release, "hospital doctor patient proxy notary issuer", "wrong-signer"
    ),
    Action(
        "family-invite", "its child", lambda scene, signer: FamilyInvite(
            scene.grant(patient=ident(signer), delegatee=ident("chris"))
        ), "patient", "wrong-role", _UNKNOWN, names_actor=True,
    ),
    Action(
        "family-accept", "its parent's link", lambda scene, signer: FamilyAccept(_link(scene, signer)),
        "patient", "wrong-signer",
    ),
    Action(
        "family-end", "its parent's link", lambda scene, signer: FamilyEnd(_link(scene, signer)),
        "patient", "wrong-signer",
    ),
    Action("stand", "for delegate", _stand, "hospital doctor", "wrong-role"),
    Action("stand-down", "as delegate", _stand_down, "hospital doctor", "not-standing"),
    Action(
        "vote", "for a delegate", lambda _, __: VoteForDelegate(ident(DELEGATE)), "hospital doctor", "wrong-role"
    ),
    Action("commit-seed", "its part", _commit, "delegate", "not-seated"),
    Action("reveal-seed", "its part", _reveal, "delegate", "not-seated"),
    Action("evidence", "against a delegate", _double_sign, " ".join(SIGNERS)),
    Action("anchor-child", "a hospital's head", _child_head, "notary", "not-notary"),
    Action(
        "index-patients", "tags", lambda _, __: IndexPatients((index_tag(ident("paula")),)), "notary", "not-notary"
    ),
    Action(
        "unindex-patients", "its own tags", lambda _, __: UnindexPatients((index_tag(ident("petra")),)),
        "notary", "not-notary",
    ),
    Action(
        "ask-index", "about a tag", lambda _, __: AskIndex(ident("ask"), index_tag(ident("petra")), digest("why")),
        "doctor", "not-doctor",
    ),
    Action("answer-index", "about its own tag", _answer, "notary", "not-notary"),
    Action(
        "publish-issuer-key", "its own", lambda _, __: PublishIssuerKey(7, ident("north"), bytes(32)),
        "issuer", "not-issuer",
    ),
)  # fmt: skip


def table() -> str:
    """The table as docs/roles.md shows it."""
    lines = [f"| transaction | what | {' | '.join(SIGNERS)} |", "|---" * (len(SIGNERS) + 2) + "|"]
    for action in ACTIONS:
        cells = ["**yes**" if code == "yes" else f"`{code}`" for code in action.outcomes().values()]
        lines.append(f"| `{action.type}` | {action.what} | {' | '.join(cells)} |")
    return "\n".join(lines)
