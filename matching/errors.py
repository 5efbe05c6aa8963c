"""Errors of matching: one root, a stable code and one sentence each; no symptom, tag or key ever stands in one."""

from scheme.errors import ChartSealError


class MatchingError(ChartSealError):
    """Root of this package's errors."""

    code = "matching"


class VocabularyMissing(MatchingError):
    """No symptom vocabulary where it was looked for."""

    code = "vocabulary-missing"


class VocabularyInvalid(MatchingError):
    """A vocabulary, annotation or translation file that is not in its format."""

    code = "vocabulary-invalid"


class SymptomsEmpty(MatchingError):
    """No symptom given where at least one is needed."""

    code = "symptoms-empty"


class SymptomsTooMany(MatchingError):
    """More symptoms than one patient may hand in."""

    code = "symptoms-too-many"


class SymptomInvalid(MatchingError):
    """Something that cannot be a term's id, or a text too long to look up."""

    code = "symptom-invalid"


class PhenopacketInvalid(MatchingError):
    """A file that is no GA4GH phenopacket."""

    code = "phenopacket-invalid"


class MatchmakerInvalid(MatchingError):
    """A file that is no Matchmaker Exchange patient."""

    code = "matchmaker-invalid"


class OfferInvalid(MatchingError):
    """A match offer that is not well formed, not certified, not about this patient, or about her twice."""

    code = "offer-invalid"


class OfferExpired(MatchingError):
    """A match offer answered after its end."""

    code = "offer-expired"


class AnswerInvalid(MatchingError):
    """An acceptance or decline that the certified key did not sign for this offer."""

    code = "answer-invalid"


class PairingClosed(MatchingError):
    """A match answered a second time in another way."""

    code = "pairing-closed"


class NotBothAccepted(MatchingError):
    """Nothing is told about a match before both accepted; the other's answer, too, is not told."""

    code = "not-both-accepted"


class SharedTagsInvalid(MatchingError):
    """The index names shared tags that this patient never submitted, none, or one twice."""

    code = "shared-tags-invalid"


class VocabularyDiffers(MatchingError):
    """The two patients weigh symptoms by different releases or floors, so that their proofs could never agree."""

    code = "vocabulary-differs"


class TooLittleShared(MatchingError):
    """Fewer independent shared symptoms above the information floor than a session needs."""

    code = "too-little-shared"


class BindingFailed(MatchingError):
    """The other did not prove the shared symptoms, or speaks for another pair: no session, and no second try."""

    code = "binding-failed"


class SessionNotOpen(MatchingError):
    """Something for which both proofs must have been checked first."""

    code = "session-not-open"


class SessionEnded(MatchingError):
    """A session that one side ended."""

    code = "session-ended"


class SessionBlocked(MatchingError):
    """A session that this patient blocked."""

    code = "session-blocked"


class SessionStateInvalid(MatchingError):
    """A kept session or pairing that does not open with this key, or is damaged."""

    code = "session-state-invalid"


class MessageUnreadable(MatchingError):
    """A message not made by the other side of this session, changed on the way, or too late to be read."""

    code = "message-unreadable"


class MessageReplayed(MatchingError):
    """A message that was delivered before."""

    code = "message-replayed"


class MessageReflected(MatchingError):
    """A message of one's own that came back."""

    code = "message-reflected"


class MessageMissing(MatchingError):
    """The other's numbering has a gap: the relay holds a message back or lost it."""

    code = "message-missing"


class MessageTooLong(MatchingError):
    """A text or an envelope above its limit, or a text that is none."""

    code = "message-too-long"


class HandleUnknown(MatchingError):
    """No mailbox of that handle: never opened, expired, or closed by its owner."""

    code = "handle-unknown"


class MailboxFull(MatchingError):
    """A mailbox, or the relay as a whole, at its limit."""

    code = "mailbox-full"


class RelayFull(MailboxFull):
    """No mailbox of the relay takes anything until others are read or expire."""

    code = "relay-full"


class RelayUnavailable(MatchingError):
    """The relay's storage does not answer or is damaged."""

    code = "relay-unavailable"


class ReportInvalid(MatchingError):
    """A report that does not prove what a report proves."""

    code = "report-invalid"


class ElementInvalid(MatchingError):
    """Bytes that are no group element, scalar, key or output: length, canonical form, or the identity."""

    code = "element-invalid"


class ProofInvalid(MatchingError):
    """The issuer did not evaluate all elements with the key that is published for it."""

    code = "proof-invalid"


class SymptomsRepeated(MatchingError):
    """A symptom stands in a list twice."""

    code = "symptoms-repeated"


class EpochInvalid(MatchingError):
    """An epoch that is no number from 0 to 2^53 - 1."""

    code = "epoch-invalid"


class OtherEpoch(MatchingError):
    """Keys, answers or tags of an epoch other than the one asked for, or an epoch that is over."""

    code = "other-epoch"


class IssuerKeyChanged(MatchingError):
    """An issuer shows a second key for one epoch, or one key in two epochs."""

    code = "issuer-key-changed"


class IssuersNotIndependent(MatchingError):
    """The two issuers of an epoch share a name, an operator or a key: one party could compute tags."""

    code = "issuers-not-independent"


class IssuerAnswerInvalid(MatchingError):
    """An issuer's answer is missing, there twice, by an issuer that was not asked, or of another size."""

    code = "issuer-answer-invalid"


class BatchInvalid(MatchingError):
    """A batch that is empty, over the limit, or holds an element twice."""

    code = "batch-invalid"


class BatchRepeated(MatchingError):
    """The same batch was evaluated before in this epoch."""

    code = "batch-repeated"


class NotEnrolled(MatchingError):
    """Somebody who is no enrolled member asks an issuer."""

    code = "not-enrolled"


class QuotaExceeded(MatchingError):
    """The member would have more elements evaluated in this epoch than the issuer allows."""

    code = "quota-exceeded"


class QuotaUnavailable(MatchingError):
    """The durable count of evaluated elements cannot be read or written, so nothing is evaluated."""

    code = "quota-unavailable"


class PublishedSchemeRefused(MatchingError):
    """A published scheme, which a table of symptoms breaks, is asked for outside research."""

    code = "published-scheme-refused"


class PairingUnavailable(MatchingError):
    """The optional package for pairings is not installed."""

    code = "pairing-unavailable"


class AuthenticationFailed(MatchingError):
    """The other side of a published key exchange did not show the identity that was expected."""

    code = "authentication-failed"


class MeasureInvalid(MatchingError):
    """Parameters of a measure of likeness that are out of range."""

    code = "measure-invalid"


class AssignmentUnavailable(MatchingError):
    """The optional package for quadratic assignment is not installed."""

    code = "assignment-unavailable"


class DefenceInvalid(MatchingError):
    """Numbers of a defence against leakage that are out of range."""

    code = "defence-invalid"


class CasesInvalid(MatchingError):
    """Files of labelled cases and queries that cannot be read, lack columns, or do not agree."""

    code = "cases-invalid"


class IndexUnavailable(MatchingError):
    """The match index's database cannot be reached, read or written."""

    code = "index-unavailable"


class IndexDamaged(MatchingError):
    """The match index's database is damaged or another program's."""

    code = "index-damaged"


class OptInInvalid(MatchingError):
    """An opt-in, change or opt-out that is not well formed, not signed by the certified key, or an old one again."""

    code = "opt-in-invalid"


class OptedInAlready(MatchingError):
    """A second opt-in by one pseudonym in one epoch, without an opt-out between."""

    code = "opted-in-already"


class NotOptedIn(MatchingError):
    """A change, an opt-out or a search by a pseudonym that is not in the index."""

    code = "not-opted-in"


class ChangesExhausted(MatchingError):
    """More opt-ins and changes than one pseudonym may make in an epoch."""

    code = "changes-exhausted"
