"""Two issuers under two operators, real keys and counts, for the tests of blind tags."""

from __future__ import annotations

import gzip
import secrets
from collections.abc import Iterable
from pathlib import Path

from matching.epoch import EpochKeys
from matching.issuer import Issuer, IssuerKey
from matching.quota import SqliteCounter
from matching.tags import TagRequest, TagSecret
from tests import needs

ISSUERS = ("11" * 16, "22" * 16)
OPERATORS = ("aa" * 16, "bb" * 16)
MEMBER = "0c" * 16
OTHER_MEMBER = "0d" * 16
EPOCH = 7


def issuer_key(which: int, epoch: int = EPOCH) -> IssuerKey:
    """A fresh key of issuer 0 or 1."""
    return IssuerKey(secrets.token_bytes(32), issuer=ISSUERS[which], operator=OPERATORS[which], epoch=epoch)


class Issuing:
    """Both issuers with keys for ``epoch``, and a patient who asks both."""

    def __init__(self, folder: Path, *, epoch: int = EPOCH, limit: int = 4096) -> None:
        self.keys = (issuer_key(0, epoch), issuer_key(1, epoch))
        self.public = EpochKeys(self.keys[0].public, self.keys[1].public)
        self.issuers = {
            key.public.issuer: Issuer(
                [key],
                {MEMBER, OTHER_MEMBER}.__contains__,
                SqliteCounter(folder / f"{key.public.issuer}-{epoch}.sqlite"),
                max_elements_per_epoch=limit,
            )
            for key in self.keys
        }

    def tags(self, terms: Iterable[str], member: str = MEMBER) -> dict[str, TagSecret]:
        """What the member gets for ``terms``."""
        request = TagRequest(terms, self.public)
        return request.finish(
            issuer.evaluate(member, self.public.epoch, request.elements(name)) for name, issuer in self.issuers.items()
        )


def vocabulary() -> list[str]:
    """All HPO ids that are not obsolete, in the file's order."""
    with gzip.open(needs.data("hpo") / "hp.obo.gz", "rt", encoding="utf-8") as lines:
        stanzas = lines.read().split("\n[Term]\n")[1:]
    ids = [stanza.removeprefix("id: ").split("\n", 1)[0] for stanza in stanzas if "is_obsolete: true" not in stanza]
    assert len(ids) > 18_000
    return ids
