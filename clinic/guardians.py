"""Recovery by guardians: a lost keystore comes back when enough of the people a patient trusts hand in their shares.

The bundle of her secrets is sealed under a random 16-byte key that nobody keeps; each guardian has a share of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from clinic import durable
from clinic.certified import current_member
from clinic.errors import HomeInvalid, InputInvalid, NameUnknown
from clinic.keystore import MemberSecrets
from clinic.site import Site
from scheme import canonical, hpke, recovery
from scheme.hpke import HpkePublicKey
from scheme.recovery import Share


@dataclass(frozen=True)
class RecoveryFolder:
    """Where bundles and sealed shares lie: ``FOLDER/PATIENT/bundle`` and ``FOLDER/PATIENT/GUARDIAN.share``."""

    folder: Path

    def bundle(self, patient_id: str) -> Path:
        """The sealed bundle of a patient's secrets, with the digests of all shares."""
        return self.folder / patient_id / "bundle.json"

    def share(self, patient_id: str, guardian_id: str) -> Path:
        """A share, sealed to its guardian."""
        return self.folder / patient_id / f"{guardian_id}.share"


def split(site: Site, store: RecoveryFolder, owner: MemberSecrets, guardian_ids: Sequence[str], threshold: int) -> None:
    """Share the recovery of ``owner``'s secrets among guardians, any ``threshold`` of whom bring them back.

    An earlier split is replaced, all of it or nothing: its shares open nothing any more. Raises ``InputInvalid``.
    """
    if len(set(guardian_ids)) != len(guardian_ids) or owner.member_id in guardian_ids:
        raise InputInvalid("name each guardian once, and others than the owner")
    if not 1 <= threshold <= len(guardian_ids):
        raise InputInvalid("the threshold is at least 1 and at most the number of guardians")
    state = site.state()
    now = site.clock()
    keys = [HpkePublicKey(current_member(state, guardian_id, now=now).keys.hpke) for guardian_id in guardian_ids]
    key, shares = recovery.split(threshold, len(guardian_ids))
    bundle = {
        "type": "chartseal/recovery-bundle",
        "owner": owner.member_id,
        "threshold": threshold,
        "digests": [share.digest.hex() for share in shares],
        "sealed": canonical.b64(recovery.seal_bundle(key, owner.to_secret_bytes(), _context(owner.member_id))),
    }
    staged: dict[Path, Path] = {}
    try:
        for guardian_id, guardian_key, share in zip(guardian_ids, keys, shares, strict=True):
            path = store.share(owner.member_id, guardian_id)
            staged[path] = path.with_suffix(".new")
            sealed = hpke.seal(guardian_key, _info(owner.member_id, guardian_id), share.to_secret_bytes())
            durable.write(staged[path], sealed)
        durable.write(store.bundle(owner.member_id), canonical.dumps(bundle))
    except BaseException:
        for new in staged.values():
            new.unlink(missing_ok=True)
        raise
    with durable.full_disk_told():
        for path, new in staged.items():
            new.replace(path)
        durable.sync_folder(store.bundle(owner.member_id).parent)


def release_share(store: RecoveryFolder, guardian: MemberSecrets, owner_id: str) -> Share:
    """A guardian opens the share that was sealed to her, to hand it to the owner. Secret. Raises ``NameUnknown``."""
    path = store.share(owner_id, guardian.member_id)
    if not path.is_file():
        raise NameUnknown("this guardian holds no share of that member")
    return Share.from_secret_bytes(hpke.open(guardian.hpke, _info(owner_id, guardian.member_id), durable.read(path)))


def restore(store: RecoveryFolder, owner_id: str, shares: Sequence[Share]) -> MemberSecrets:
    """The owner's secrets from a threshold of shares. Raises ``SharesTooFew``, ``ShareInvalid``, ``SharesMixed``."""
    path = store.bundle(owner_id)
    if not path.is_file():
        raise NameUnknown("that member never split a recovery key here")
    value = canonical.loads(durable.read(path), what="the recovery bundle")
    listed = value.get("digests")
    if not isinstance(listed, list):
        raise HomeInvalid("the recovery bundle is damaged; restore it from a backup")
    digests = {canonical.unhex(text, what="a share's digest", size=32) for text in listed}
    key = recovery.combine(shares, digests=digests)
    sealed = canonical.unb64(value.get("sealed"), what="the recovery bundle")
    return MemberSecrets.from_secret_bytes(recovery.open_bundle(key, sealed, _context(owner_id)))


def _info(owner_id: str, guardian_id: str) -> bytes:
    return f"chartseal/1/recovery-share/{owner_id}/{guardian_id}".encode()


def _context(owner_id: str) -> bytes:
    return b"chartseal/1/recovery-bundle/" + bytes.fromhex(owner_id)
