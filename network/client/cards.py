"""Key cards by way of the hospital's server, compared with the newest that was seen here of each patient."""

from __future__ import annotations

from pathlib import Path

from clinic import durable
from clinic.cards import FolderKeyCards
from clinic.errors import HomeInvalid
from ledger.state import State
from network import wire
from network.card_readers import may_have_card
from network.client.transport import Transport
from network.errors import TRANSIENT, CardUnknown, ServerRolledBack
from scheme import canonical
from scheme.errors import ChartSealError, EncodingInvalid
from scheme.keycard import KeyCard, KeyCardInvalid


class RemoteKeyCards:
    """``KeyCards`` at a server, with those that were seen in ``folder``; ``own`` is the member whose home it is.

    Others' cards are sealed to, so an older one than was seen is refused; one's own are history, and all are used.
    """

    def __init__(self, transport: Transport, folder: Path, own: str) -> None:
        self._transport = transport
        self._folder = folder
        self._kept = FolderKeyCards(folder)
        self._own = own

    def publish(self, patient_id: str, version: int, commitment: str, card: bytes) -> None:
        """See ``KeyCards``: here first, since nobody can make it again from what is elsewhere."""
        self._kept.publish(patient_id, version, commitment, card)
        self._transport.request("PUT", _path(patient_id, version, commitment), body=card)

    def fetch(self, patient_id: str, version: int, commitment: str) -> bytes:
        """See ``KeyCards``. Raises ``ServerRolledBack`` on a version older than one seen, ``KeyCardInvalid``."""
        newest = self._newest(patient_id)
        if patient_id != self._own and version < newest:
            raise ServerRolledBack(
                f"the ledger names version {version} of a patient's key card, but version {newest} was seen here: the "
                "server went back to an older copy; seal nothing to it, and tell the hospital"
            )
        try:
            card = self._kept.fetch(patient_id, version, commitment)
        except HomeInvalid:
            card = self._fetched(patient_id, version, commitment)
            self._kept.publish(patient_id, version, commitment, card)
        if version > newest:
            durable.write(self._seen(patient_id), canonical.dumps({"version": version}))
        return card

    def refresh(self, state: State, *, now: int) -> None:
        """Fetch the newer cards of patients who are known here, so that they can be sealed to without a connection.

        What cannot be had now is left for later; what the server may not give ``now`` is not asked for.
        """
        for folder in self._folder.glob("*"):
            anchored = state.key_card(folder.name)
            if anchored is None:
                continue
            try:
                newer = anchored.version > self._newest(folder.name)
                if newer and may_have_card(state, self._own, folder.name, now=now):
                    self.fetch(folder.name, anchored.version, anchored.digest)
            except TRANSIENT:
                return
            except ChartSealError:
                continue  # what is wrong with it is told when it is to be sealed to

    def _fetched(self, patient_id: str, version: int, commitment: str) -> bytes:
        path = _path(patient_id, version, commitment)
        try:
            card = self._transport.request("GET", path, max_bytes=wire.MAX_CARD_BYTES)
        except CardUnknown as error:
            raise HomeInvalid(str(error)) from None
        if KeyCard.from_bytes(card).commitment != commitment:
            raise KeyCardInvalid("the server's key card is not the one that the ledger names; do not seal to it")
        return card

    def _newest(self, patient_id: str) -> int:
        path = self._seen(patient_id)
        if not path.exists():
            return 0
        try:
            version = canonical.loads(durable.read(path), what=path.name).get("version")
        except EncodingInvalid:
            version = None
        if type(version) is not int:
            raise HomeInvalid(f"cards/{patient_id}/{path.name} is damaged; delete it after comparing the ledger's copy")
        return version

    def _seen(self, patient_id: str) -> Path:
        return self._folder / patient_id / "newest.json"


def _path(patient_id: str, version: int, commitment: str) -> str:
    return wire.CARD.format(patient=patient_id, version=version, commitment=commitment)
