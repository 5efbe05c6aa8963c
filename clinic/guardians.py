"""Recovery by guardians: a lost keystore comes back when enough of the people a patient trusts hand in their shares.

The bundle of her secrets is sealed under a random 16-byte key that nobody keeps; each guardian has a share of it. To a
guardian with a home of her own both go by letter, and what she hands in has both: with the owner's home lost, a
threshold of them is all it takes.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from clinic import durable, letters
from clinic.certified import certified_member, current_member
from clinic.errors import HomeInvalid, InputInvalid, NameUnknown
from clinic.keystore import MemberSecrets
from clinic.requests import new_id, reader_keys
from clinic.site import Site
from ledger.errors import FieldInvalid
from ledger.fields import Fields
from scheme import canonical, hpke, recovery
from scheme.errors import EncodingInvalid, SchemeError
from scheme.hpke import HpkePublicKey
from scheme.keys import VerifyingKey
from scheme.recovery import Share

_BUNDLE = "chartseal/recovery-bundle"
_FIELDS = frozenset({"type", "owner", "made", "threshold", "digests", "sealed", "home"})
_LETTER = "recovery"


@dataclass(frozen=True)
class RecoveryFolder:
    """Where bundles and sealed shares lie: ``FOLDER/PATIENT/bundle.json`` and ``FOLDER/PATIENT/GUARDIAN.share``."""

    folder: Path

    def bundle(self, patient_id: str) -> Path:
        """The sealed bundle of a patient's secrets, with the digests of all shares."""
        return self.folder / patient_id / "bundle.json"

    def share(self, patient_id: str, guardian_id: str) -> Path:
        """A share, sealed to its guardian."""
        return self.folder / patient_id / f"{guardian_id}.share"


@dataclass(frozen=True, repr=False)
class Recovered:
    """What a bundle holds. ``home`` is what ``HomeFolder.to_rebuild`` noted, ``None`` from a hospital's home."""

    secrets: MemberSecrets
    home: bytes | None


@dataclass(frozen=True)
class Bundle:
    """A bundle, sealed: of no use without a threshold of the shares whose ``digests`` (32 bytes each) it lists.

    ``made`` is when (unix seconds), but later than the bundle before it: of two, the greater one counts.
    """

    owner: str
    made: int
    threshold: int
    digests: tuple[bytes, ...]
    sealed: bytes
    home: bytes | None

    @classmethod
    def seal(cls, key: bytes, shares: Sequence[Share], owner: MemberSecrets, home: bytes | None, made: int) -> Bundle:
        """Under the 16-byte recovery key."""
        member_id = owner.member_id
        return cls(
            member_id,
            made,
            shares[0].threshold,
            tuple(share.digest for share in shares),
            recovery.seal_bundle(key, owner.to_secret_bytes(), _context(member_id)),
            None if home is None else recovery.seal_bundle(key, home, _home_context(member_id)),
        )

    def open(self, shares: Sequence[Share]) -> Recovered:
        """With a threshold of shares. Raises ``SharesTooFew``, ``ShareInvalid``, ``SharesMixed``, ``NotForThisKey``."""
        key = recovery.combine(shares, digests=self.digests)
        secrets = MemberSecrets.from_secret_bytes(recovery.open_bundle(key, self.sealed, _context(self.owner)))
        if secrets.member_id != self.owner:
            raise HomeInvalid("the recovery bundle is of another member than it says; ask another guardian")
        return Recovered(secrets, self.home and recovery.open_bundle(key, self.home, _home_context(self.owner)))

    def __bytes__(self) -> bytes:
        return canonical.dumps(
            {
                "type": _BUNDLE,
                "owner": self.owner,
                "made": self.made,
                "threshold": self.threshold,
                "digests": [digest.hex() for digest in self.digests],
                "sealed": canonical.b64(self.sealed),
                "home": None if self.home is None else canonical.b64(self.home),
            }
        )

    @classmethod
    def from_bytes(cls, data: bytes) -> Bundle:
        """Inverse of ``bytes``. Raises ``HomeInvalid``."""
        try:
            value = {"home": None, "made": 0} | canonical.loads(
                data, what="the recovery bundle"
            )  # older ones lack both
            fields = Fields(value, _FIELDS, what="recovery bundle")
            digests, home = fields.array("digests", minimum=1, maximum=recovery.MAX_SHARES), fields.raw("home")
            return cls(
                fields.identifier("owner"),
                fields.integer("made"),
                fields.integer("threshold", minimum=1),
                tuple(canonical.unhex(text, what="a share's digest", size=32) for text in digests),
                canonical.unb64(fields.raw("sealed"), what="the recovery bundle"),
                None if home is None else canonical.unb64(home, what="the recovery bundle"),
            )
        except (EncodingInvalid, FieldInvalid):
            raise HomeInvalid("the recovery bundle is damaged; take it from a backup or another guardian") from None


@dataclass(frozen=True, repr=False)
class HandedShare:
    """What a guardian hands in: her share, which is secret, and the bundle. Typed from paper, the share alone."""

    share: Share
    bundle: Bundle | None

    def to_secret_bytes(self) -> bytes:
        """The share as text on a line of its own, then the bundle on another. Secret."""
        lines = [self.share.to_secret_text().encode(), *([] if self.bundle is None else [bytes(self.bundle)])]
        return b"".join(line + b"\n" for line in lines)

    @classmethod
    def from_secret_bytes(cls, data: bytes) -> HandedShare:
        """Inverse of ``to_secret_bytes``; the share may be typed over several lines.

        Raises ``ShareInvalid``, ``HomeInvalid``.
        """
        text, brace, rest = data.partition(b"{")
        share = Share.from_secret_text(text.decode("ascii", "replace"))
        return cls(share, Bundle.from_bytes(brace + rest.rstrip()) if brace else None)


def split(
    site: Site,
    store: RecoveryFolder,
    owner: MemberSecrets,
    guardian_ids: Sequence[str],
    threshold: int,
    *,
    home: bytes | None = None,
    elsewhere: Collection[str] = (),
) -> None:
    """Share the recovery of ``owner``'s secrets among guardians, any ``threshold`` of whom bring them back.

    ``home`` goes into the bundle with the secrets; guardians of ``elsewhere`` get theirs by letter. An earlier split is
    replaced here, all of it or nothing: its shares do not go with the new bundle. Raises ``InputInvalid``.
    """
    if len(set(guardian_ids)) != len(guardian_ids) or owner.member_id in guardian_ids:
        raise InputInvalid("name each guardian once, and others than the owner")
    if not 1 <= threshold <= len(guardian_ids):
        raise InputInvalid("the threshold is at least 1 and at most the number of guardians")
    state = site.state()
    now = site.clock()
    keys = [HpkePublicKey(current_member(state, guardian_id, now=now).keys.hpke) for guardian_id in guardian_ids]
    key, shares = recovery.split(threshold, len(guardian_ids))
    bundle = Bundle.seal(key, shares, owner, home, _after_earlier(store, owner.member_id, now))
    staged: dict[Path, Path] = {}
    try:
        for guardian_id, guardian_key, share in zip(guardian_ids, keys, shares, strict=True):
            path = store.share(owner.member_id, guardian_id)
            staged[path] = path.with_suffix(".new")
            sealed = hpke.seal(guardian_key, _info(owner.member_id, guardian_id), share.to_secret_bytes())
            durable.write(staged[path], sealed)
            if guardian_id in elsewhere:
                _send(site, owner, guardian_id, bundle, sealed)
        durable.write(store.bundle(owner.member_id), bytes(bundle))
    except BaseException:
        for new in staged.values():
            new.unlink(missing_ok=True)
        raise
    with durable.full_disk_told():
        for path, new in staged.items():
            new.replace(path)
        durable.sync_folder(store.bundle(owner.member_id).parent)


def _after_earlier(store: RecoveryFolder, owner_id: str, now: int) -> int:
    """``now``, or later if the owner's bundle in ``store`` was not made before."""
    try:
        earlier = known_bundle(store, owner_id)
    except HomeInvalid:
        return now  # a damaged one is replaced
    return now if earlier is None else max(now, earlier.made + 1)


def _send(site: Site, owner: MemberSecrets, guardian_id: str, bundle: Bundle, sealed_share: bytes) -> None:
    letter_id = f"{_letters(owner.member_id)}{bundle.made:012d}-{new_id()}"
    body = {"bundle": canonical.b64(bytes(bundle)), "share": canonical.b64(sealed_share)}
    letter = letters.write(_LETTER, letter_id, body, owner.signing)
    letters.post(site.mailbox, letter, letter_id, reader_keys(site.state(), (guardian_id,)))


def take_in(site: Site, store: RecoveryFolder, guardian: MemberSecrets, owner_id: str) -> None:
    """Put the newest share that the owner sent to ``guardian``, and its bundle, into ``store``, if one was sent.

    Raises ``LetterInvalid``, ``SignatureInvalid``, ``NotForThisKey``.
    """
    sent = site.mailbox.list(guardian.member_id, _letters(owner_id))
    if not sent:
        return
    sender = VerifyingKey(certified_member(site.state(), owner_id).keys.verifying)
    letter = letters.receive(site.mailbox, _LETTER, sent[-1], guardian.member_id, guardian.hpke, sender, None)
    bundle, share = (canonical.unb64(letter.body.get(name), what="a recovery letter") for name in ("bundle", "share"))
    durable.write(store.share(owner_id, guardian.member_id), share)
    durable.write(store.bundle(owner_id), bytes(Bundle.from_bytes(bundle)))


def release_share(store: RecoveryFolder, guardian: MemberSecrets, owner_id: str) -> Share:
    """A guardian opens the share that was sealed to her, to hand it to the owner. Secret. Raises ``NameUnknown``."""
    path = store.share(owner_id, guardian.member_id)
    if not path.is_file():
        raise NameUnknown("this guardian holds no share of that member")
    return Share.from_secret_bytes(hpke.open(guardian.hpke, _info(owner_id, guardian.member_id), durable.read(path)))


def hand_over(store: RecoveryFolder, guardian: MemberSecrets, owner_id: str) -> HandedShare:
    """As ``release_share``, with the bundle that it opens. Raises ``NameUnknown``, ``HomeInvalid``."""
    return HandedShare(release_share(store, guardian, owner_id), known_bundle(store, owner_id))


def known_bundle(store: RecoveryFolder, owner_id: str) -> Bundle | None:
    """The owner's bundle that lies in ``store``. Raises ``HomeInvalid``."""
    path = store.bundle(owner_id)
    return Bundle.from_bytes(durable.read(path)) if path.is_file() else None


def restore(store: RecoveryFolder, owner_id: str, shares: Sequence[Share]) -> MemberSecrets:
    """The owner's secrets from the bundle in ``store``. Raises ``NameUnknown``, and as ``Bundle.open``."""
    bundle = known_bundle(store, owner_id)
    if bundle is None:
        raise NameUnknown("that member never split a recovery key here")
    return bundle.open(shares).secrets


def recovered(handed: Sequence[HandedShare]) -> Recovered:
    """What a threshold of shares brings back by the bundles that came with them.

    A guardian may hand in a false bundle, so each is tried. Raises ``NameUnknown`` when none came, and as
    ``Bundle.open``.
    """
    bundles = dict.fromkeys(each.bundle for each in handed if each.bundle is not None)
    shares = [each.share for each in handed]
    refusals: list[SchemeError] = []
    for bundle in bundles:
        try:
            return bundle.open(shares)
        except SchemeError as error:
            refusals.append(error)
    if not refusals:
        raise NameUnknown(
            "no bundle came with these shares; take a file as `chartseal recover share` writes it from one guardian"
        )
    raise refusals[0]


def _letters(owner_id: str) -> str:
    """How the ids of the owner's letters to guardians begin; what follows sorts by when they were made."""
    return f"{owner_id}.recovery."


def _info(owner_id: str, guardian_id: str) -> bytes:
    return f"chartseal/1/recovery-share/{owner_id}/{guardian_id}".encode()


def _context(owner_id: str) -> bytes:
    return b"chartseal/1/recovery-bundle/" + bytes.fromhex(owner_id)


def _home_context(owner_id: str) -> bytes:
    return b"chartseal/1/recovery-home/" + bytes.fromhex(owner_id)
