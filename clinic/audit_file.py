"""The audit file: every ledger entry about one patient, checked offline by whoever knows the genesis digest.

A canonical JSON document (RFC 8785) with the fields ``format``, ``version``, ``patient``, ``genesis``, ``proof`` (a
``LedgerProof``: the entries under one final header, the handovers that lead to it) and ``fhir`` (the same as a FHIR R4
Bundle, or null). Beside the entries about her it holds the enrolment of everybody who signed one, down to the
authority, which stands in the genesis.

What it shows: each entry is in the ledger (quorum certificate, inclusion path), is signed by the member that it names
with a key that the authority certified, and concerns the patient. What it can not show offline:

- That no entry was left out. ``clinic.audit_rows`` finds gaps where one entry refers to another, and ``known`` lists
  positions that must be there (of an earlier audit file, of her own receipts). An omitted release shows in neither:
  only a replica of the whole ledger, replayed, shows completeness.
- That a signer was not removed or suspended at the time: the delegates' quorum says so, and a replica shows it.
- What happened after the header's time.

Nothing in it is secret to members of the ledger; it holds opaque ids and salted digests, and no names.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from clinic.audit_rows import Account, AuditRow
from clinic.errors import AuditFileInvalid, AuditIncomplete, InputInvalid, NotPermitted
from clinic.fhir.audit_bundle import audit_bundle
from clinic.requests import member_of
from ledger.bodies import Enrol, Role
from ledger.engine import Reader
from ledger.entry import Entry
from ledger.errors import FieldInvalid, GenesisInvalid, OtherLedger
from ledger.fields import Fields
from ledger.finality import LightClient
from ledger.genesis import Genesis
from ledger.proofs import LedgerProof
from ledger.transactions import SignedTransaction
from scheme import canonical, certificates
from scheme.certificates import CertificateInvalid
from scheme.errors import EncodingInvalid
from scheme.keys import VerifyingKey

MAX_AUDIT_FILE_BYTES = 256 * 1024 * 1024

_FORMAT = "chartseal-audit"
_VERSION = 1
_FIELDS = frozenset({"format", "version", "patient", "genesis", "proof", "fhir"})


@dataclass(frozen=True)
class AuditReport:
    """What a verified audit file says about ``patient`` on the ledger ``ledger`` (genesis digest), oldest row first.

    As of the ledger block at ``height`` with ``size`` entries in all, made final at ``time`` (unix seconds). ``roles``
    are those of everybody who signed an entry. ``fhir`` is whether the file has a FHIR part; it agrees then.
    """

    patient: str
    ledger: str
    height: int
    size: int
    time: int
    rows: tuple[AuditRow, ...]
    roles: Mapping[str, str]
    fhir: bool

    @property
    def counts(self) -> Mapping[str, int]:
        """How many entries of each kind."""
        return Counter(row.event for row in self.rows)

    @property
    def positions(self) -> tuple[int, ...]:
        """Positions of her entries: ``known`` for the next audit file."""
        return tuple(row.position for row in self.rows)

    @property
    def caveat(self) -> str:
        """What the file does not show, to be told with every report."""
        return (
            f"{len(self.rows)} of the ledger's {self.size} entries, as of block {self.height}: each is proved. That no "
            "further one concerns the patient cannot be shown by a file; a replica of the whole ledger shows it."
        )


def export_audit(reader: Reader, patient_id: str) -> bytes:
    """The audit file of ``patient_id`` as of the newest final ledger block; it takes no secret.

    Raises ``NotPermitted`` when there is no such patient, and as ``Reader.prove``.
    """
    if member_of(reader.view().state, patient_id).role is not Role.PATIENT:
        raise NotPermitted("an audit file is about a patient; name one")
    proof = _complete_proof(reader, patient_id)
    entries = [entry.verify(proof.final.header) for entry in proof.entries]
    about = set(reader.view().state.entries_about(patient_id))
    return canonical.dumps(
        {
            "format": _FORMAT,
            "version": _VERSION,
            "patient": patient_id,
            "genesis": canonical.loads(bytes(reader.genesis), what="the genesis"),
            "proof": proof.to_json(),
            "fhir": audit_bundle(
                patient_id, [entry for entry in entries if entry.position in about], at=proof.final.header.time
            ),
        }
    )


def _complete_proof(reader: Reader, patient_id: str) -> LedgerProof:
    """Of every entry about the patient that the proof's header covers, and of their signers' enrolments."""
    wanted: set[int] = set(reader.view().state.entries_about(patient_id))
    while True:
        # Entries may be added between the two questions; and each enrolment has a signer of its own.
        proof = reader.prove(sorted(wanted))
        state = reader.view().state
        signers = {SignedTransaction.from_bytes(entry.transaction).signer for entry in proof.entries}
        enrolled = {record.enrolled_at for record in map(state.member, signers) if record is not None}
        about = {place for place in state.entries_about(patient_id) if place < proof.final.header.size}
        if about | enrolled <= wanted:
            return proof
        wanted |= about | enrolled


def verify_audit(data: bytes, genesis_digest: str, *, known: Collection[int] = ()) -> AuditReport:
    """Check an audit file against the genesis digest alone, and say what it tells.

    1. The file has the right form. 2. Its genesis is the expected one. 3. Handovers, quorum certificate and inclusion
    paths hold. 4. Every entry is signed for this ledger by an enrolled key that the authority certified. 5. Every entry
    concerns the patient or enrols a signer, and none that another refers to is missing. 6. The positions ``known`` are
    there. 7. The FHIR part says the same.

    Raises ``AuditFileInvalid`` (1, 4, 5, 7), ``GenesisInvalid`` (2), as ``LedgerProof.verify`` (3), ``OtherLedger`` and
    ``TransactionSignatureInvalid`` (4), ``AuditIncomplete`` (4, 5, 6).
    """
    if len(data) > MAX_AUDIT_FILE_BYTES:
        raise AuditFileInvalid(f"an audit file has at most {MAX_AUDIT_FILE_BYTES} bytes; this is none")
    try:  # 1
        fields = Fields(canonical.loads(data, what="the audit file"), _FIELDS, what="the audit file")
        if fields.raw("format") != _FORMAT or fields.integer("version") != _VERSION:
            raise AuditFileInvalid("this version does not know the audit file's format; upgrade to read it")
        patient = fields.identifier("patient")
        genesis = _genesis(fields.raw("genesis"), genesis_digest)  # 2
    except (EncodingInvalid, FieldInvalid) as error:
        raise AuditFileInvalid(f"this is no audit file: {error}") from None
    proof = LedgerProof.from_json(fields.raw("proof"))
    entries = proof.verify(LightClient(genesis))  # 3
    signers = _Signers(genesis, patient)
    about = [entry for entry in entries if signers.verify(entry)]  # 4
    signers.require_all_needed()
    account = Account(patient)
    rows = tuple(account.take(entry) for entry in about)  # 5
    if not rows:
        raise AuditIncomplete("the audit file holds nothing about the patient, not even her enrolment")
    if not set(known) <= {row.position for row in rows}:  # 6
        raise AuditIncomplete("the audit file leaves out an entry that is known; have it exported again, and ask why")
    header = proof.final.header
    bundle = fields.raw("fhir")
    if bundle is not None:  # 7
        _require_same(bundle, patient, about, header.time)
    return AuditReport(
        patient=patient,
        ledger=genesis.digest,
        height=header.height,
        size=header.size,
        time=header.time,
        rows=rows,
        roles=signers.roles,
        fhir=bundle is not None,
    )


def require_complete(report: AuditReport, replica: Reader) -> None:
    """Return if ``replica``, which verified the whole ledger, has no entry about the patient that the file leaves out.

    Raises ``AuditIncomplete``; ``InputInvalid`` when the replica is of another ledger or ends before the file does.
    """
    view = replica.view()
    if replica.genesis.digest != report.ledger or view.height < report.height:
        raise InputInvalid("the replica is of another ledger, or older than the audit file; follow the ledger first")
    about = {position for position in view.state.entries_about(report.patient) if position < report.size}
    if not about <= set(report.positions):
        raise AuditIncomplete(
            f"the audit file leaves out {len(about - set(report.positions))} of the patient's entries, as a replica "
            "shows; have it exported again, and ask why"
        )


def _genesis(value: object, expected: str) -> Genesis:
    if not isinstance(value, dict):
        raise FieldInvalid("genesis of the audit file must be an object")
    genesis = Genesis.from_bytes(canonical.dumps(value))
    if genesis.digest != expected:
        raise GenesisInvalid("the audit file is of a ledger with another genesis; check the digest you were given")
    return genesis


@dataclass
class _Signers:
    """Who signed, with which keys; keys come from the enrolments in the file, which precede what they sign."""

    genesis: Genesis
    patient: str
    roles: dict[str, str] = field(default_factory=dict)
    _keys: dict[str, bytes] = field(default_factory=dict)
    _seen: set[str] = field(default_factory=set)

    def verify(self, entry: Entry) -> bool:
        """Check the signature; return whether the entry is about the patient, not only the enrolment of a signer."""
        transaction = entry.transaction
        if transaction.ledger != self.genesis.digest:
            raise OtherLedger("an entry of the audit file was signed for another ledger; do not trust the file")
        transaction.verify(self._key(transaction.signer))
        body = transaction.body
        if not isinstance(body, Enrol):
            return True
        if body.member == self.patient:
            self._enrol(body, entry.time)
            return True
        if body.member in self._keys:
            raise AuditFileInvalid(
                "the audit file enrols somebody twice who is not its patient; have it exported again"
            )
        self._enrol(body, entry.time)
        return False

    def require_all_needed(self) -> None:
        """Nobody is enrolled in the file who did not sign."""
        if not self._keys.keys() - {self.patient} <= self._seen:
            raise AuditFileInvalid("the audit file enrols somebody who signed nothing in it; have it exported again")

    def _key(self, signer: str) -> VerifyingKey:
        self._seen.add(signer)
        if signer == self.genesis.authority:
            self.roles[signer] = "authority"
            return VerifyingKey(self.genesis.verifying)
        key = self._keys.get(signer)
        if key is None:
            raise AuditIncomplete("the audit file leaves out the enrolment of a signer; have it exported again")
        return VerifyingKey(key)

    def _enrol(self, body: Enrol, time: int) -> None:
        try:
            found = certificates.verify(body.certificate, VerifyingKey(self.genesis.verifying), now=time)
        except CertificateInvalid as error:
            raise AuditFileInvalid(f"an enrolment in the audit file is not certified: {error}") from None
        if (found.member_id, found.role, bytes(found.verifying_key)) != (body.member, body.role, body.keys.verifying):
            raise AuditFileInvalid("an enrolment in the audit file has a certificate for another member, role or key")
        if self._keys.setdefault(body.member, body.keys.verifying) != body.keys.verifying:
            raise AuditFileInvalid("the audit file enrols the patient twice under different keys; do not trust it")
        self.roles[body.member] = str(body.role)


def _require_same(bundle: object, patient: str, about: Sequence[Entry], time: int) -> None:
    expected = canonical.dumps(audit_bundle(patient, about, at=time))
    if not isinstance(bundle, dict) or canonical.dumps(bundle) != expected:
        raise AuditFileInvalid("the FHIR part of the audit file says something else than the entries; do not trust it")
