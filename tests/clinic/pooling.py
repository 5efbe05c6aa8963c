"""What cheats pool: everything a delegatee kept, and the key fragments of all proxies; and every way to use it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from clinic import durable
from clinic.fetching import FetchedBlock
from clinic.held_grants import read_grant
from clinic.history import plan
from clinic.keystore import MemberSecrets
from clinic.opened import author_key
from clinic.proxy_answer import Ask
from clinic.reencryption import ChapterOpener
from clinic.requests import new_id
from ledger.bodies import Release
from scheme import canonical, hpke, umbral
from scheme.chapter import BlockKey, Chapter, ChapterKey, open_by_scope_key
from scheme.errors import SchemeError
from scheme.header import BlockHeader
from scheme.umbral import CapsuleFrag, KeyFrag, PublicKey, SecretKey, VerifiedCapsuleFrag, VerifiedKeyFrag
from scheme.umbral.capsule import kem_key
from scheme.umbral.group import ORDER, add, diffie_hellman
from scheme.umbral.rekey import VerifiedOrigin, share_index, shared_scalar
from tests.clinic.scene import Scene


@dataclass(frozen=True)
class Pool:
    """``key_frags`` by scope: one from each proxy. The rest is what the delegatee held after reading everything."""

    delegatee: MemberSecrets
    delegating_keys: Mapping[str, PublicKey]
    key_frags: Mapping[str, Sequence[KeyFrag]]
    capsule_frags: Mapping[str, Sequence[CapsuleFrag]]
    """By chapter."""
    chapters: Sequence[Chapter]
    chapter_keys: Sequence[ChapterKey]
    block_keys: Sequence[BlockKey]

    @property
    def scope_secrets(self) -> dict[str, SecretKey]:
        """The secret of every scope granted: a threshold of proxies with the delegatee learns it."""
        return {
            scope: recover(self.delegatee, self.delegating_keys[scope], frags)
            for scope, frags in self.key_frags.items()
        }


def deposits(scene: Scene, grant_id: str, delegatee: MemberSecrets) -> dict[str, list[KeyFrag]]:
    """All proxies open their folders: the key fragments of a grant, by scope."""
    receiving = delegatee.receiving.public_key
    info = f"chartseal/1/key-fragments/{grant_id}/{scene.patient.signing.verifying_key.key_id}/{receiving.key_id}"
    found: dict[str, list[KeyFrag]] = {}
    for proxy in scene.proxies:
        for path in sorted((scene.home.folder / "proxies" / proxy.member_id / grant_id).glob("*")):
            body = canonical.loads(hpke.open(proxy.hpke, info.encode(), durable.read(path)), what="key fragments")
            for item in body["fragments"]:
                data = canonical.unb64(item["fragment"], what="a key fragment")
                found.setdefault(item["scope"], []).append(KeyFrag.from_secret_bytes(data))
    return found


def pool(scene: Scene, grant_id: str, delegatee: MemberSecrets) -> Pool:
    """The delegatee reads all she may and keeps every key; then the proxies hand her all they have of the grant."""
    site, state = scene.site, scene.site.state()
    record = state.grant(grant_id)
    assert record is not None
    held = read_grant(site, delegatee, record)
    blocks = plan(site, delegatee, record.patient).by_grant[grant_id]
    headers = [scene.fetched(block.locator).block.header for block in blocks]
    chapters = list({header.chapter.context.chapter: header.chapter for header in headers}.values())
    release_id = new_id()
    names = tuple(each.context.chapter for each in chapters)
    site.submit(Release(release_id, grant_id, record.patient, names), delegatee)
    keys = ChapterOpener(site, state, delegatee, held, release_id).open(chapters)
    asks = [Ask(each.context, each.capsule) for each in chapters]
    answers = [proxy.reencrypt(release_id, asks).fragments for proxy in site.proxies.values()]
    return Pool(
        delegatee,
        held.delegating_keys,
        deposits(scene, grant_id, delegatee),
        {name: [CapsuleFrag.from_bytes(answer[place]) for answer in answers] for place, name in enumerate(names)},
        chapters,
        [keys[name] for name in names],
        [keys[header.chapter.context.chapter].block_key(header.nonce) for header in headers],
    )


def recover(delegatee: MemberSecrets, delegating_key: PublicKey, frags: Sequence[KeyFrag]) -> SecretKey:
    """The delegating secret that ``frags`` and the delegatee's secret interpolate to; wrong below the threshold."""
    receiving = delegatee.receiving
    between = diffie_hellman(receiving.scalar, delegating_key.point)
    xs = [share_index(frag.origin.id, delegating_key, receiving.public_key, between) for frag in frags]
    at_zero = 0
    for place, frag in enumerate(frags):
        coefficient = 1
        for other, x in enumerate(xs):
            if other != place:
                coefficient = coefficient * x * pow(x - xs[place], -1, ORDER) % ORDER
        at_zero = (at_zero + frag.share * coefficient) % ORDER
    origin = frags[0].origin
    shared = diffie_hellman(receiving.scalar, origin.precursor)
    return SecretKey(at_zero * shared_scalar(origin.precursor_bytes, receiving.public_key, shared) % ORDER)


def opened_by(scene: Scene, held: Pool, fetched: FetchedBlock) -> list[str]:
    """Which of all ways to use the pool open the block's manifest."""
    lookup = author_key(scene.site.state(), fetched.anchored)
    found = []
    for how, key in _candidates(held, fetched.block.header):
        try:
            fetched.block.open_manifest(key, lookup)
        except SchemeError:
            continue
        found.append(how)
    return found


def _candidates(held: Pool, header: BlockHeader) -> Iterator[tuple[str, BlockKey]]:
    for block_key in held.block_keys:
        yield "kept block key", block_key
    for chapter_key in held.chapter_keys:
        yield "kept chapter key", chapter_key.block_key(header.nonce)
    for secret in held.scope_secrets.values():
        yield "pooled scope secret", open_by_scope_key(header.chapter, secret).block_key(header.nonce)
    for how, kems in (("key fragments", _reencrypted), ("capsule fragments", _old_capsules)):
        for kem in kems(held, header.chapter):
            key = ChapterKey.from_kem(kem, header.chapter.context, header.chapter.capsule)
            yield how, key.block_key(header.nonce)


def _reencrypted(held: Pool, target: Chapter) -> Iterator[bytes]:
    """The old key fragments on the capsule at hand, by proxies that check nothing."""
    capsule = target.capsule.verify(target.context.label)
    for scope, frags in held.key_frags.items():
        made = [umbral.reencrypt(target.capsule, target.context.label, VerifiedKeyFrag(frag)) for frag in frags]
        yield from _combined(held, scope, made, capsule, target)


def _old_capsules(held: Pool, target: Chapter) -> Iterator[bytes]:
    """The old capsule fragments, and the old shared points, with the capsule at hand."""
    capsule = target.capsule.verify(target.context.label)
    secrets = held.scope_secrets
    for old in held.chapters:
        scope = old.context.scope
        yield from _combined(held, scope, held.capsule_frags[old.context.chapter], capsule, target)
        total = add(old.capsule.e, old.capsule.v)
        if scope in secrets and total is not None:
            yield kem_key(diffie_hellman(secrets[scope].scalar, total), bytes(target.capsule), target.context.label)


def _combined(
    held: Pool, scope: str, frags: Sequence[CapsuleFrag], capsule: umbral.VerifiedCapsule, target: Chapter
) -> Iterator[bytes]:
    """Fragments passed off as verified for the capsule at hand, under their own scope's key."""
    receiving, delegating_key = held.delegatee.receiving, held.delegating_keys[scope]
    passed_off = [
        VerifiedCapsuleFrag(frag, capsule, VerifiedOrigin(frag.origin, delegating_key, receiving.public_key))
        for frag in frags
    ]
    try:
        yield umbral.decapsulate_reencrypted(receiving, delegating_key, capsule, target.context.label, passed_off)
    except SchemeError:
        return
