"""Recovery by guardians: a lost keystore comes back when enough of the people a patient trusts hand in their shares.

The bundle of her secrets is sealed under a random 16-byte key that nobody keeps; each guardian has a share of it. To a
guardian with a home of her own both go by letter, and what she hands in has both: with the owner's home lost, a
threshold of them is all it takes. She keeps and hands in what she has of earlier splits too: one that was cut, so that
only some have its shares, takes nothing away.
"""

from __future__ import annotations

import shutil
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from clinic import durable, letters
from clinic.certified import certified_member, current_member
from clinic.errors import HomeInvalid, InputInvalid, LetterInvalid, NameUnknown
from clinic.keystore import MemberSecrets
from clinic.requests import new_id, reader_keys
from clinic.site import Site
from ledger.errors import FieldInvalid
from ledger.fields import Fields
from scheme import canonical, hpke, recovery
from scheme.errors import ChartSealError, EncodingInvalid, SchemeError
from scheme.hpke import HpkePublicKey
from scheme.keys import VerifyingKey
from scheme.recovery import Share

_BUNDLE = "chartseal/recovery-bundle"
_BUNDLE_FIELDS = frozenset({"type", "owner", "made", "threshold", "digests", "sealed"})
_RECOVERED = "chartseal/recovered"
_RECOVERED_FIELDS = frozenset({"type", "secrets", "home"})
_LETTER = "recovery"
_FILE = "bundle.json"


@dataclass(frozen=True)
class RecoveryFolder:
    """Where splits lie: ``FOLDER/OWNER/MADE/GUARDIAN.share`` and, last, what makes it count, ``…/bundle.json``."""

    folder: Path

    def split(self, owner_id: str, made: int) -> Path:
        """The folder of the split whose bundle says ``made``."""
        return self.folder / owner_id / f"{made:012d}"

    def begun(self, owner_id: str) -> list[Path]:
        """The folders of an owner's splits, the newest first, those too that were cut and do not count."""
        return sorted((self.folder / owner_id).glob("[0-9]" * 12), reverse=True)

    def splits(self, owner_id: str) -> list[Path]:
        """As ``begun``, of those that count."""
        return [folder for folder in self.begun(owner_id) if (folder / _FILE).is_file()]

    def bundles(self, owner_id: str) -> list[bytes]:
        """The bundles of an owner's splits, as they lie there, the newest first."""
        return [durable.read(folder / _FILE) for folder in self.splits(owner_id)]


@dataclass(frozen=True, repr=False)
class Recovered:
    """What a bundle holds. ``home`` is what ``HomeFolder.to_rebuild`` noted, ``None`` from a hospital's home."""

    secrets: MemberSecrets
    home: bytes | None

    def to_secret_bytes(self) -> bytes:
        """Canonical JSON. Secret."""
        home = None if self.home is None else canonical.b64(self.home)
        secrets = canonical.b64(self.secrets.to_secret_bytes())
        return canonical.dumps({"type": _RECOVERED, "secrets": secrets, "home": home})

    @classmethod
    def from_secret_bytes(cls, data: bytes) -> Recovered:
        """Inverse of ``to_secret_bytes``. Raises ``EncodingInvalid``, ``FieldInvalid``, as ``MemberSecrets`` does."""
        fields = Fields(canonical.loads(data, what="the recovered keys"), _RECOVERED_FIELDS, what="recovered keys")
        secrets, home = canonical.unb64(fields.raw("secrets"), what="the recovered keys"), fields.raw("home")
        return cls(
            MemberSecrets.from_secret_bytes(secrets),
            None if home is None else canonical.unb64(home, what="the lost home"),
        )


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

    @classmethod
    def seal(cls, key: bytes, shares: Sequence[Share], payload: Recovered, made: int) -> Bundle:
        """Under the 16-byte recovery key."""
        owner_id = payload.secrets.member_id
        return cls(
            owner_id,
            made,
            shares[0].threshold,
            tuple(share.digest for share in shares),
            recovery.seal_bundle(key, payload.to_secret_bytes(), _context(owner_id)),
        )

    def open(self, shares: Sequence[Share]) -> Recovered:
        """With a threshold of shares; those of other splits are left out.

        Raises ``SharesTooFew``, ``ShareInvalid``, ``SharesMixed``, ``NotForThisKey``, ``HomeInvalid``.
        """
        sets = {share.set_id for share in shares if share.digest in self.digests}
        key = recovery.combine([share for share in shares if share.set_id in sets] or shares, digests=self.digests)
        try:
            recovered = Recovered.from_secret_bytes(recovery.open_bundle(key, self.sealed, _context(self.owner)))
        except (EncodingInvalid, FieldInvalid):
            raise HomeInvalid("the recovery bundle was made by another version of this software") from None
        if recovered.secrets.member_id != self.owner:
            raise HomeInvalid("the recovery bundle is of another member than it says; ask another guardian")
        return recovered

    def __bytes__(self) -> bytes:
        return canonical.dumps(
            {
                "type": _BUNDLE,
                "owner": self.owner,
                "made": self.made,
                "threshold": self.threshold,
                "digests": [digest.hex() for digest in self.digests],
                "sealed": canonical.b64(self.sealed),
            }
        )

    @classmethod
    def from_bytes(cls, data: bytes) -> Bundle:
        """Inverse of ``bytes``. Raises ``HomeInvalid``."""
        try:
            fields = Fields(canonical.loads(data, what="the recovery bundle"), _BUNDLE_FIELDS, what="recovery bundle")
            digests = fields.array("digests", minimum=1, maximum=recovery.MAX_SHARES)
            return cls(
                fields.identifier("owner"),
                fields.integer("made"),
                fields.integer("threshold", minimum=1),
                tuple(canonical.unhex(text, what="a share's digest", size=32) for text in digests),
                canonical.unb64(fields.raw("sealed"), what="the recovery bundle"),
            )
        except (EncodingInvalid, FieldInvalid):
            raise HomeInvalid("the recovery bundle is damaged; take it from a backup or another guardian") from None


@dataclass(frozen=True, repr=False)
class HandedShare:
    """What a guardian hands in of one split: her share, which is secret, and the bundle as it lay there.

    Typed from paper, the share alone (``bundle`` empty).
    """

    share: Share
    bundle: bytes = b""

    def to_secret_bytes(self) -> bytes:
        """The share as text on a line of its own, then the bundle on another. Secret."""
        return b"".join(line + b"\n" for line in (self.share.to_secret_text().encode(), self.bundle) if line)

    @classmethod
    def from_secret_bytes(cls, data: bytes) -> list[HandedShare]:
        """One or more, one after another, as ``to_secret_bytes`` wrote them; a share may be typed over several lines.

        Raises ``ShareInvalid``.
        """
        handed, text = [], b""
        for line in data.splitlines():
            if line.startswith(b"{"):
                handed.append(cls(_typed(text), line))
                text = b""
            else:
                text += line
        return handed if handed and not text.strip() else [*handed, cls(_typed(text))]


def _typed(text: bytes) -> Share:
    return Share.from_secret_text(text.decode("ascii", "replace"))


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

    ``home`` goes into the bundle with the secrets; guardians of ``elsewhere`` get theirs by letter. In order, each step
    durable before the next: shares and bundle in ``store``; letters; the earlier splits in ``store`` go, whose shares
    do not go with the new bundle. Cut between, both count. Raises ``InputInvalid``.
    """
    if len(set(guardian_ids)) != len(guardian_ids) or owner.member_id in guardian_ids:
        raise InputInvalid("name each guardian once, and others than the owner")
    if not 1 <= threshold <= len(guardian_ids):
        raise InputInvalid("the threshold is at least 1 and at most the number of guardians")
    state = site.state()
    now = site.clock()
    keys = [HpkePublicKey(current_member(state, guardian_id, now=now).keys.hpke) for guardian_id in guardian_ids]
    key, shares = recovery.split(threshold, len(guardian_ids))
    sealed = {
        guardian_id: hpke.seal(guardian_key, _info(owner.member_id, guardian_id), share.to_secret_bytes())
        for guardian_id, guardian_key, share in zip(guardian_ids, keys, shares, strict=True)
    }
    earlier = store.begun(owner.member_id)
    made = max([now, *(int(folder.name) + 1 for folder in earlier)])
    bundle = bytes(Bundle.seal(key, shares, Recovered(owner, home), made))
    folder = store.split(owner.member_id, made)
    try:
        _keep(folder, sealed, bundle)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    for guardian_id in guardian_ids:
        if guardian_id in elsewhere:
            _send(site, owner, guardian_id, made, {"bundle": bundle, "share": sealed[guardian_id]})
    for each in earlier:
        shutil.rmtree(each, ignore_errors=True)


def _keep(folder: Path, shares: Mapping[str, bytes], bundle: bytes) -> None:
    """Write sealed shares, by guardian id, then the bundle that makes them count."""
    for guardian_id, share in shares.items():
        durable.write(_share(folder, guardian_id), share)
    durable.write(folder / _FILE, bundle)
    with durable.full_disk_told():
        durable.sync_folder(folder.parent)


def _send(site: Site, owner: MemberSecrets, guardian_id: str, made: int, body: Mapping[str, bytes]) -> None:
    letter_id = f"{_letters(owner.member_id)}{made:012d}-{new_id()}"
    encoded = {name: canonical.b64(data) for name, data in body.items()}
    letter = letters.write(_LETTER, letter_id, encoded, owner.signing)
    letters.post(site.mailbox, letter, letter_id, reader_keys(site.state(), (guardian_id,)))


def take_in(site: Site, store: RecoveryFolder, guardian: MemberSecrets, owner_id: str) -> None:
    """Put the shares that the owner sent to ``guardian``, with their bundles, into ``store``, whatever was sent.

    One letter that is not hers keeps none of the others: after all of them the first such error is raised. Raises
    ``LetterInvalid``, ``HomeInvalid``, ``SignatureInvalid``, ``NotForThisKey``, ``EncodingInvalid``.
    """
    refused: list[ChartSealError] = []
    for letter_id in site.mailbox.list(guardian.member_id, _letters(owner_id)):
        sender = VerifyingKey(certified_member(site.state(), owner_id).keys.verifying)
        try:
            letter = letters.receive(site.mailbox, _LETTER, letter_id, guardian.member_id, guardian.hpke, sender, None)
            bundle, share = (
                canonical.unb64(letter.body.get(name), what="a recovery letter") for name in ("bundle", "share")
            )
            made = Bundle.from_bytes(bundle).made
        except (LetterInvalid, HomeInvalid, SchemeError) as error:
            refused.append(error)
        else:
            _keep(store.split(owner_id, made), {guardian.member_id: share}, bundle)
    if refused:
        raise refused[0]


def hand_over(store: RecoveryFolder, guardian: MemberSecrets, owner_id: str) -> list[HandedShare]:
    """A guardian opens the shares that were sealed to her, the newest first, to hand them to the owner. Secret.

    Raises ``NameUnknown``.
    """
    handed = []
    for folder in store.splits(owner_id):
        path = _share(folder, guardian.member_id)
        if path.is_file():
            secret = hpke.open(guardian.hpke, _info(owner_id, guardian.member_id), durable.read(path))
            handed.append(HandedShare(Share.from_secret_bytes(secret), durable.read(folder / _FILE)))
    if not handed:
        raise NameUnknown("this guardian holds no share of that member")
    return handed


def recovered(handed: Sequence[HandedShare], known: Iterable[bytes] = ()) -> Recovered:
    """What a threshold of shares brings back by the bundles that are ``known`` here or came with them.

    One may be damaged, of an earlier split, or a guardian's lie, so each is tried, the newest first. Raises
    ``NameUnknown`` when there is none, and as ``Bundle.open``.
    """
    bundles: list[Bundle] = []
    damaged: list[ChartSealError] = []
    for data in filter(None, dict.fromkeys((*known, *(each.bundle for each in handed)))):
        try:
            bundles.append(Bundle.from_bytes(data))
        except HomeInvalid as error:
            damaged.append(error)
    refusals: list[ChartSealError] = []
    for bundle in sorted(bundles, key=lambda bundle: bundle.made, reverse=True):
        try:
            return bundle.open([each.share for each in handed])
        except (SchemeError, HomeInvalid) as error:
            refusals.append(error)
    if refusals or damaged:
        raise (refusals + damaged)[0]
    raise NameUnknown(
        "no bundle came with these shares; take a file as `chartseal recover share` writes it from one guardian"
    )


def _share(folder: Path, guardian_id: str) -> Path:
    """A share of the split in ``folder``, sealed to its guardian."""
    return folder / f"{guardian_id}.share"


def _letters(owner_id: str) -> str:
    """How the ids of the owner's letters to guardians begin; what follows sorts by when they were made."""
    return f"{owner_id}.recovery."


def _info(owner_id: str, guardian_id: str) -> bytes:
    return f"chartseal/1/recovery-share/{owner_id}/{guardian_id}".encode()


def _context(owner_id: str) -> bytes:
    return b"chartseal/1/recovery-bundle/" + bytes.fromhex(owner_id)
