"""A proxy that signs a wrong fragment leaves evidence; one that is slow or out of reach stops nobody."""

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest

from clinic import family, membership, revocation
from clinic.errors import DiskFull, FaultInvalid, FaultUnfounded, ProxiesInsufficient, ProxyRefused
from clinic.grants import Decision, grant
from clinic.history import plan, read_history
from clinic.key_fragments import Parties, ScopeFragment, rekey_terms, seal_fragments
from clinic.letters import FolderMailbox
from clinic.own_scopes import own_scopes
from clinic.proxy import ProxyClient
from clinic.proxy_answer import Ask, ProxyAnswer
from clinic.proxy_fault import FaultFolder, ProxyFault
from clinic.requests import Access
from clinic.site import Site
from ledger.errors import LedgerUnavailable
from ledger.refusals import MemberSuspended
from ledger.transactions import SignedTransaction
from scheme.errors import ChartSealError, SignatureInvalid
from scheme.scopes import Category
from scheme.umbral import PublicKey, SecretKey, generate_rekey
from tests.clinic.scene import Scene, draft
from tests.clinic.stubs import EngineStub, ProxyStub, at_engine, with_proxies

LABORATORY = Access(frozenset({Category.LABORATORY}))


@pytest.fixture
def block(scene: Scene) -> str:
    """One granted block."""
    locator = scene.seal(draft(text="granted")).blocks[0]
    scene.grant(LABORATORY)
    return locator


def flipped(data: bytes) -> bytes:
    """The proof's last byte changed."""
    return data[:-1] + bytes((data[-1] ^ 1,))


def lying(scene: Scene, change: Callable[[bytes], bytes] = flipped, place: int = 0) -> Site:
    """The site with one proxy that changes its fragments before it signs them."""
    keys = scene.proxies[place]
    inner = scene.site.proxies[keys.member_id]
    stub = ProxyStub(inner, keys, lambda release, asks: [change(x) for x in inner.reencrypt(release, asks).fragments])
    return with_proxies(scene.site, {keys.member_id: stub})


def first_of(scene: Scene, site: Site) -> Site:
    """Only the lying proxy and one other answer, so that the lie is always looked at."""
    names = [keys.member_id for keys in scene.proxies[:2]]
    return replace(site, proxies={name: site.proxies[name] for name in names})


def faults_of(scene: Scene, site: Site) -> list[ProxyFault]:
    """What a reading reports."""
    found: list[ProxyFault] = []
    site = replace(first_of(scene, site), report=found.append)
    with pytest.raises(ProxiesInsufficient, match="1 of the 2"):
        list(read_history(site, scene.reader, plan(site, scene.reader, scene.patient.member_id)))
    return found


@pytest.fixture
def fault(scene: Scene, block: str) -> ProxyFault:
    """Evidence against the first proxy."""
    (found,) = faults_of(scene, lying(scene))
    return found


def test_a_signed_wrong_fragment_is_evidence_that_everybody_with_the_ledger_can_check(
    scene: Scene, fault: ProxyFault
) -> None:
    told = ProxyFault.from_bytes(bytes(fault)).check(scene.site.state())
    assert scene.proxies[0].member_id in told
    assert "fragment-invalid" in told


@pytest.mark.parametrize("change", [lambda _data: b"", lambda data: data[:-1], lambda data: data * 2])
def test_signed_nonsense_is_evidence_too(scene: Scene, block: str, change: Callable[[bytes], bytes]) -> None:
    (found,) = faults_of(scene, lying(scene, change))
    assert ProxyFault.from_bytes(bytes(found)).check(scene.site.state())


def test_evidence_holds_nothing_secret(scene: Scene, fault: ProxyFault) -> None:
    data = bytes(fault)
    for secret in (scene.reader.receiving.to_secret_bytes(), scene.reader.signing.to_secret_bytes()):
        assert secret.hex().encode() not in data


def test_an_honest_proxy_cannot_be_accused(scene: Scene, block: str, fault: ProxyFault) -> None:
    honest = list(scene.site.proxies.values())[1]
    answer = honest.reencrypt(fault.statement.release, [fault.ask])
    key = scene.proxies[1].signing.verifying_key
    statement = answer.verify(scene.proxies[1].member_id, key, fault.statement.release, [fault.ask])
    sound = replace(fault, statement=statement, signature=answer.signature, fragment=answer.fragments[0])
    with pytest.raises(FaultUnfounded, match="is sound"):
        sound.check(scene.site.state())
    with pytest.raises(FaultUnfounded, match="not what that proxy answered"):
        replace(sound, fragment=fault.fragment).check(scene.site.state())
    with pytest.raises(FaultUnfounded, match="signature-invalid"):
        replace(sound, signature=fault.signature).check(scene.site.state())
    swapped = replace(statement, fragments=fault.statement.fragments)
    with pytest.raises(FaultUnfounded, match="signature-invalid"):
        replace(sound, statement=swapped, fragment=fault.fragment).check(scene.site.state())


@pytest.mark.parametrize("named", ["the key that was split", "the scope's key"])
def test_a_patient_who_splits_another_key_than_the_scopes_has_no_proxy_accused(
    scene: Scene, block: str, named: str
) -> None:
    """Signed by her for the scope: whoever used such a fragment would sign one that fails for the scope's key."""
    state = scene.site.state()
    (record,) = state.grants(patient=scene.patient.member_id)
    scope = scene.anchored(block).scope
    line = own_scopes(scene.site, state, scene.patient)[scope]
    another = SecretKey.generate()
    named_key = another.public_key if named == "the key that was split" else PublicKey(line.key)
    parties = Parties(record.grant, scene.patient.signing.verifying_key, scene.reader.receiving.public_key)
    terms = rekey_terms(record.grant, scope, record.until)
    shares = generate_rekey(another, parties.receiving, scene.patient.signing, terms, record.threshold, 3)
    for keys, share in zip(scene.proxies, shares, strict=True):
        fragments = [ScopeFragment(scope, named_key, share)]
        sealed = seal_fragments(fragments, parties, until=record.until, proxy=keys.hpke.public_key)
        scene.site.proxies[keys.member_id].deposit(record.grant, record.grant, sealed)
    reported: list[ProxyFault] = []
    site = replace(scene.site, report=reported.append)
    with pytest.raises(ProxiesInsufficient, match="no sound key fragment"):
        scene.read(site=site)
    assert reported == []


def test_an_answer_about_something_else_is_no_evidence(scene: Scene, fault: ProxyFault) -> None:
    state = scene.site.state()
    (other,) = scene.seal(draft(Category.IMAGING, text="closed")).blocks
    header = scene.fetched(other).block.header
    elsewhere = Ask(header.chapter.context, header.chapter.capsule)
    changed: list[tuple[ProxyFault, str]] = [
        (replace(fault, ledger="00" * 32), "another ledger"),
        (replace(fault, statement=replace(fault.statement, release="00" * 16)), "no such release"),
        (replace(fault, statement=replace(fault.statement, proxy=scene.reader.member_id)), "no such release"),
        (replace(fault, ask=elsewhere), "not what that proxy answered"),
        (replace(fault, ask=replace(fault.ask, capsule=elsewhere.capsule)), "capsule-invalid"),
        (replace(fault, delegating_key=scene.other.receiving.public_key), "delegating key is not"),
    ]
    for evidence, why in changed:
        with pytest.raises(FaultUnfounded, match=why):
            evidence.check(state)


def test_a_proxy_that_was_asked_with_a_wrong_capsule_cannot_be_accused(scene: Scene, block: str) -> None:
    """Signed by the proxy all the same, by mistake or malice: a capsule that does not hold is the asker's fault."""
    keys = scene.proxies[0]
    header = scene.fetched(block).block.header
    context = replace(header.chapter.context, chapter="00" * 16)
    ask = Ask(context, header.chapter.capsule)
    scene.read()
    (release,) = scene.site.state().releases(scene.patient.member_id)
    answer = ProxyAnswer.sign(keys, release.release, [ask], [bytes(293)])
    statement = answer.verify(keys.member_id, keys.signing.verifying_key, release.release, [ask])
    fault = ProxyFault(
        scene.site.engine.genesis.digest,
        statement,
        answer.signature,
        ask,
        bytes(293),
        scene.reader.receiving.public_key,
    )
    with pytest.raises(FaultUnfounded, match="capsule-invalid"):
        fault.check(scene.site.state())


@pytest.mark.parametrize("place", range(0, 1400, 97))
def test_a_changed_file_is_no_evidence(scene: Scene, fault: ProxyFault, place: int) -> None:
    data = bytearray(bytes(fault))
    data[place % len(data)] ^= 1
    with pytest.raises((FaultInvalid, FaultUnfounded)):
        ProxyFault.from_bytes(bytes(data)).check(scene.site.state())


@pytest.mark.parametrize("data", [b"", b"{}", b"[]", b"null", b'{"type":"chartseal/proxy-fault"}', b"\xff" * 40])
def test_what_is_no_evidence_is_refused(data: bytes) -> None:
    with pytest.raises(FaultInvalid, match="no evidence"):
        ProxyFault.from_bytes(data)


def test_a_home_keeps_evidence_once(scene: Scene, fault: ProxyFault) -> None:
    folder = FaultFolder(scene.home.folder / "evidence")
    folder(fault)
    folder(fault)
    (path,) = folder.files()
    assert path.read_bytes() == bytes(fault)


def test_an_answer_without_the_proxys_signature_is_left_aside_and_proves_nothing(scene: Scene, block: str) -> None:
    member_id = scene.proxies[0].member_id
    forger = ProxyStub(scene.site.proxies[member_id], scene.reader, lambda _release, asks: [bytes(293) for _ in asks])
    site = with_proxies(scene.site, {member_id: forger})
    assert faults_of(scene, site) == []
    assert scene.read(site=site) == {block: b"granted"}


def test_an_answer_is_for_its_own_release_and_asks_only(scene: Scene, block: str) -> None:
    keys = scene.proxies[0]
    scene.read()
    release = scene.site.state().releases(scene.patient.member_id)[0].release
    header = scene.fetched(block).block.header
    asks = [Ask(header.chapter.context, header.chapter.capsule)]
    answer = scene.site.proxies[keys.member_id].reencrypt(release, asks)
    key = keys.signing.verifying_key
    answer.verify(keys.member_id, key, release, asks)
    for proxy, of, about in (
        ("00" * 16, release, asks),
        (keys.member_id, "00" * 16, asks),
        (keys.member_id, release, []),
    ):
        with pytest.raises(SignatureInvalid):
            answer.verify(proxy, key, of, about)


# Slow and out of reach


class Deaf(ProxyStub):
    """Takes nothing."""

    def deposit(self, grant_id: str, part: str, sealed: bytes) -> None:
        raise ProxyRefused("the proxy cannot be reached; try again later")


class Full(ProxyStub):
    """Has no room for more."""

    def deposit(self, grant_id: str, part: str, sealed: bytes) -> None:
        raise DiskFull("no space is left on the disk; free some space and run this again")


def deaf(scene: Scene, *places: int) -> Site:
    """The site with proxies at those places that take no fragments."""
    stubs: dict[str, ProxyClient] = {
        scene.proxies[place].member_id: Deaf(
            scene.site.proxies[scene.proxies[place].member_id], scene.proxies[place], lambda _release, _asks: []
        )
        for place in places
    }
    return with_proxies(scene.site, stubs)


def test_a_grant_names_the_proxies_that_took_their_fragments(scene: Scene) -> None:
    (locator,) = scene.seal(draft(text="granted")).blocks
    site = deaf(scene, 1)
    granted = grant(site, scene.patient, scene.reader.member_id, Decision(LABORATORY), request_id=None)
    record = site.state().grant(granted)
    assert record is not None
    assert record.proxies == (scene.proxies[0].member_id, scene.proxies[2].member_id)
    assert record.threshold == 2
    assert scene.read() == {locator: b"granted"}


def test_with_fewer_proxies_than_the_threshold_nothing_is_granted(scene: Scene) -> None:
    scene.seal(draft())
    with pytest.raises(ProxiesInsufficient, match=r"1 of the 2 proxies needed took.*cannot be reached"):
        grant(deaf(scene, 0, 2), scene.patient, scene.reader.member_id, Decision(LABORATORY), request_id=None)
    assert not scene.site.state().grants(patient=scene.patient.member_id)


class FullMailbox(FolderMailbox):
    """Takes no letters."""

    def deliver(self, letter_id: str, reader: str, sealed: bytes) -> None:
        raise DiskFull("no space is left on the disk; free some space and run this again")


def failing(scene: Scene, step: str) -> Site:
    """The site at which a grant fails at that step."""

    def suspended(_transaction: SignedTransaction) -> None:
        membership.suspend(scene.site, scene.authority, scene.proxies[2].member_id)

    def lost(_transaction: SignedTransaction) -> None:
        raise LedgerUnavailable("nobody knows whether the ledger took it")

    if step == "proxies":
        return deaf(scene, 0, 2)
    if step == "letter":
        return replace(scene.site, mailbox=FullMailbox(scene.home.folder / "full"))
    return at_engine(scene.site, EngineStub(scene.site.engine, before_submit=suspended if step == "ledger" else lost))


def keeping(scene: Scene) -> set[str]:
    """The proxies that keep fragments."""
    return {path.parts[-3] for path in (scene.home.folder / "proxies").rglob("*") if path.is_file()}


@pytest.mark.parametrize(
    ("step", "error"), [("proxies", ProxiesInsufficient), ("letter", DiskFull), ("ledger", MemberSuspended)]
)
def test_a_grant_that_failed_leaves_no_fragments(scene: Scene, step: str, error: type[ChartSealError]) -> None:
    site = failing(scene, step)
    with pytest.raises(error):
        grant(site, scene.patient, scene.reader.member_id, Decision(LABORATORY), request_id=None)
    assert keeping(scene) == set()


def test_a_family_link_that_failed_leaves_no_fragments(scene: Scene) -> None:
    site = failing(scene, "ledger")
    with pytest.raises(MemberSuspended):
        family.invite(site, scene.patient, scene.other.member_id, Decision(LABORATORY))
    assert keeping(scene) == set()


def test_fragments_stay_while_nobody_knows_whether_the_ledger_took_the_grant(scene: Scene) -> None:
    site = failing(scene, "answer")
    with pytest.raises(LedgerUnavailable):
        grant(site, scene.patient, scene.reader.member_id, Decision(LABORATORY), request_id=None)
    assert keeping(scene) == {keys.member_id for keys in scene.proxies}


def test_a_grants_extension_goes_to_its_own_proxies(scene: Scene) -> None:
    """A proxy that joined after the grant gets no fragment of it, nor does its threshold change."""
    first = scene.grant(LABORATORY)
    granted = grant(deaf(scene, 1), scene.patient, scene.second.member_id, Decision(LABORATORY), request_id=None)
    revocation.revoke(scene.site, scene.patient, first)
    (locator,) = scene.seal(draft(text="new")).blocks
    assert scene.read(scene.second) == {locator: b"new"}
    record = scene.site.state().grant(granted)
    assert record is not None
    silent = scene.home.folder / "proxies" / scene.proxies[1].member_id / granted
    assert not silent.exists()


def test_a_revocation_leaves_out_a_grant_whose_proxies_have_a_full_disk(scene: Scene) -> None:
    """It has to come through: the one who was revoked would read on."""
    revoked, other = scene.grant(LABORATORY), scene.grant(LABORATORY, to=scene.second)
    full = {
        keys.member_id: Full(scene.site.proxies[keys.member_id], keys, lambda _release, _asks: [])
        for keys in scene.proxies
    }
    done = revocation.revoke(with_proxies(scene.site, full), scene.patient, revoked)
    assert [(record.grant, "no space is left" in why) for record, why in done.left_out.items()] == [(other, True)]
    record = scene.site.state().grant(revoked)
    assert record is not None
    assert not record.stands(scene.clock())


def test_a_family_link_too_goes_without_a_proxy_that_is_out_of_reach(scene: Scene) -> None:
    link = family.invite(deaf(scene, 0), scene.patient, scene.other.member_id, Decision(LABORATORY))
    record = scene.site.state().grant(link)
    assert record is not None
    assert scene.proxies[0].member_id not in record.proxies


def test_nobody_waits_for_a_proxy_that_is_slow(scene: Scene, block: str) -> None:
    released = threading.Event()
    keys = scene.proxies[0]

    def slow(_release: str, _asks: Sequence[Ask]) -> list[bytes]:
        released.wait(60)
        return []

    site = with_proxies(scene.site, {keys.member_id: ProxyStub(scene.site.proxies[keys.member_id], keys, slow)})
    started = time.monotonic()
    assert scene.read(site=site) == {block: b"granted"}
    assert time.monotonic() - started < 30
    assert any(thread.daemon and thread.name == f"ask-{keys.member_id}" for thread in threading.enumerate())
    released.set()


def test_a_bug_in_a_client_is_not_taken_for_a_refusal(scene: Scene, block: str) -> None:
    def broken(_release: str, _asks: Sequence[Ask]) -> list[bytes]:
        raise ZeroDivisionError

    keys = scene.proxies
    stubs: dict[str, ProxyClient] = {
        key.member_id: ProxyStub(scene.site.proxies[key.member_id], key, broken) for key in keys
    }
    with pytest.raises(ZeroDivisionError):
        scene.read(site=with_proxies(scene.site, stubs))


def test_the_delegating_key_of_evidence_is_33_bytes(fault: ProxyFault) -> None:
    assert PublicKey(bytes(fault.delegating_key)) == fault.delegating_key
    assert len(bytes(fault.delegating_key)) == 33
