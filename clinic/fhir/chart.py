"""Writes the FHIR R4 resources of one made-up patient: each method adds what one event leaves in the chart."""

import random
import uuid
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

from clinic.fhir import catalogue
from clinic.fhir.catalogue import SNOMED, TERMS, Measure, Term

Resource = dict[str, Any]


def number(value: float, digits: int = 0) -> str:
    """A JSON number that is written with exactly ``digits`` decimals; ``generate`` takes the marks off."""
    return f"#{value:.{digits}f}#"


def concept(term: Term) -> Resource:
    """A CodeableConcept of one coding, its text the same."""
    return {"coding": [{"system": term.system, "code": term.code, "display": term.display}], "text": term.display}


def _code(system: str, code: str) -> Resource:
    return {"coding": [{"system": f"{TERMS}/{system}", "code": code}]}


def _reference(resource: Resource) -> Resource:
    return {"reference": f"urn:uuid:{resource['id']}"}


@dataclass
class Chart:
    """The resources of one patient so far, in order, and the visit that is being written."""

    rng: random.Random
    today: date
    resources: list[Resource] = field(default_factory=list)

    def add(self, resource_type: str, **content: Any) -> Resource:
        """A resource with a random id."""
        made = {
            "resourceType": resource_type,
            "id": str(uuid.UUID(int=self.rng.getrandbits(128), version=4)),
            **content,
        }
        self.resources.append(made)
        return made

    def person(self) -> None:
        """The patient, her clinic, doctor and insurance."""
        self.number = self.rng.getrandbits(30)
        family, women, men, city, country, language = self.rng.choice(catalogue.PEOPLE)
        self.female = self.rng.random() < 0.6
        self.born = self.today - timedelta(days=365 * self.rng.randint(28, 84) + self.rng.randint(1, 364))
        self.patient = self.add(
            "Patient",
            identifier=[{"system": "urn:oid:2.25.1", "value": f"{self.number:09d}"}],
            name=[{"use": "official", "family": family, "given": [self.rng.choice(women if self.female else men)]}],
            gender="female" if self.female else "male",
            birthDate=self.born.isoformat(),
            address=[{"line": [f"{self.rng.randint(1, 250)}"], "city": city, "country": country}],
            communication=[{"language": {"coding": [{"system": "urn:ietf:bcp:47", "code": language}]}}],
        )
        self.clinic = self.add("Organization", active=True, name=f"{city} Health Centre")
        family, women, men, *_ = self.rng.choice(catalogue.PEOPLE)
        self.doctor = self.add("Practitioner", active=True, name=[{"family": family, "given": [women[0]]}])
        self.coverage = self.add(
            "Coverage",
            status="active",
            beneficiary=_reference(self.patient),
            payor=[{"display": "Mutual Health Fund"}],
        )

    def day(self, year: int) -> date:
        """A day in that year of life, before ``today``."""
        return min(self.born + timedelta(days=365 * year + self.rng.randint(1, 364)), self.today - timedelta(days=1))

    def visit(self, day: date, kind: Term, reason: Term | None = None, *, inpatient: bool = False) -> None:
        """Begin a visit; what follows belongs to it until ``leave``."""
        self.start = f"{day}T{self.rng.randint(8, 16):02d}:{self.rng.randint(0, 5)}0:00+00:00"
        self.period = {"start": self.start, "end": f"{self.start[:14]}59:00+00:00"}
        self.billed: list[Resource] = []
        self.kind = kind
        self.encounter = self.add(
            "Encounter",
            status="finished",
            **{"class": {"system": f"{TERMS}/v3-ActCode", "code": "IMP" if inpatient else "AMB"}},
            type=[concept(kind)],
            subject=_reference(self.patient),
            participant=[{"individual": _reference(self.doctor)}],
            period=self.period,
            serviceProvider=_reference(self.clinic),
            **({} if reason is None else {"reasonCode": [concept(reason)]}),
        )

    def here(self) -> Resource:
        """The patient and the visit, as most resources refer to them."""
        return {"subject": _reference(self.patient), "encounter": _reference(self.encounter)}

    def condition(self, term: Term, *, resolved: bool = True) -> Resource:
        """A diagnosis."""
        made = self.add(
            "Condition",
            clinicalStatus=_code("condition-clinical", "resolved" if resolved else "active"),
            verificationStatus=_code("condition-ver-status", "confirmed"),
            code=concept(term),
            **self.here(),
            onsetDateTime=self.start,
            recordedDate=self.start,
        )
        self.billed.append(made)
        return made

    def quantity(self, measure: Measure) -> Resource:
        """A value in the range of ``measure``."""
        value = number(self.rng.uniform(measure.low, measure.high), measure.digits)
        return {"value": value, "unit": measure.unit, "system": "http://unitsofmeasure.org", "code": measure.unit}

    def observation(self, measure: Measure, category: str) -> Resource:
        """One measurement."""
        return self.add(
            "Observation",
            status="final",
            category=[_code("observation-category", category)],
            code=concept(measure.term),
            **self.here(),
            effectiveDateTime=self.start,
            valueQuantity=self.quantity(measure),
        )

    def vital_signs(self) -> None:
        """Height, weight and blood pressure."""
        for measure in (catalogue.HEIGHT, catalogue.WEIGHT):
            self.observation(measure, "vital-signs")
        self.add(
            "Observation",
            status="final",
            category=[_code("observation-category", "vital-signs")],
            code=concept(catalogue.BLOOD_PRESSURE),
            **self.here(),
            effectiveDateTime=self.start,
            component=[
                {"code": concept(measure.term), "valueQuantity": self.quantity(measure)}
                for measure in (catalogue.SYSTOLIC, catalogue.DIASTOLIC)
            ],
        )

    def laboratory(self) -> None:
        """A panel with its results."""
        panel, measures = self.rng.choice(catalogue.PANELS)
        results = [self.observation(measure, "laboratory") for measure in measures]
        self.add(
            "DiagnosticReport",
            status="final",
            category=[_code("v2-0074", "LAB")],
            code=concept(panel),
            **self.here(),
            effectiveDateTime=self.start,
            issued=self.start,
            result=[_reference(result) for result in results],
        )

    def procedure(self, term: Term, why: Resource | None = None) -> None:
        """A procedure, and why."""
        made = self.add(
            "Procedure",
            status="completed",
            code=concept(term),
            **self.here(),
            performedPeriod=self.period,
            **({} if why is None else {"reasonReference": [_reference(why)]}),
        )
        self.billed.append(made)

    def prescription(self, term: Term, why: Resource | None = None) -> None:
        """A prescription, and why, with the bill of the pharmacy."""
        made = self.add(
            "MedicationRequest",
            status="completed",
            intent="order",
            medicationCodeableConcept=concept(term),
            **self.here(),
            authoredOn=self.start,
            requester=_reference(self.doctor),
            **({} if why is None else {"reasonReference": [_reference(why)]}),
        )
        self.claim("pharmacy", term, prescription=_reference(made))

    def claim(self, kind: str, service: Term, **names: Any) -> None:
        """A claim for one service."""
        self.add(
            "Claim",
            status="active",
            type=_code("claim-type", kind),
            use="claim",
            patient=_reference(self.patient),
            billablePeriod=self.period,
            created=self.start,
            provider=_reference(self.clinic),
            priority=_code("processpriority", "normal"),
            **names,
            insurance=[{"sequence": 1, "focal": True, "coverage": _reference(self.coverage)}],
            item=[{"sequence": 1, "productOrService": concept(service), "encounter": [_reference(self.encounter)]}],
            total={"value": number(self.rng.uniform(40, 900), 2), "currency": "EUR"},
        )

    def leave(self) -> None:
        """The bills: a claim that names every diagnosis and procedure, and a statement that names none."""
        diagnoses = [one for one in self.billed if one["resourceType"] == "Condition"]
        procedures = [one for one in self.billed if one["resourceType"] == "Procedure"]
        names: Resource = {}
        if diagnoses:
            names["diagnosis"] = [
                {"sequence": at, "diagnosisReference": _reference(one)} for at, one in enumerate(diagnoses, 1)
            ]
        if procedures:
            names["procedure"] = [
                {"sequence": at, "procedureReference": _reference(one)} for at, one in enumerate(procedures, 1)
            ]
        self.claim("professional", self.kind, **names)
        item = {"sequence": 1, "productOrService": concept(self.kind), "encounter": [_reference(self.encounter)]}
        self.add(
            "ExplanationOfBenefit",
            status="active",
            type=_code("claim-type", "professional"),
            use="claim",
            patient=_reference(self.patient),
            billablePeriod=self.period,
            created=self.start,
            insurer={"display": "Mutual Health Fund"},
            provider=_reference(self.clinic),
            outcome="complete",
            insurance=[{"focal": True, "coverage": _reference(self.coverage)}],
            item=[item],
            payment={"amount": {"value": number(self.rng.uniform(20, 400), 2), "currency": "EUR"}},
        )

    def immunisation(self, vaccine: Term) -> None:
        """A vaccination."""
        self.add(
            "Immunization",
            status="completed",
            vaccineCode=concept(vaccine),
            patient=_reference(self.patient),
            encounter=_reference(self.encounter),
            occurrenceDateTime=self.start,
            primarySource=True,
        )

    def image(self, description: str, bone: Term) -> None:
        """An X-ray of one bone."""
        uid = f"2.25.{self.rng.getrandbits(100)}"
        site = {"system": SNOMED, "code": bone.code, "display": bone.display}
        self.add(
            "ImagingStudy",
            status="available",
            **self.here(),
            started=self.start,
            description=description,
            series=[
                {
                    "uid": f"{uid}.1",
                    "modality": {"system": "http://dicom.nema.org/resources/ontology/DCM", "code": "DX"},
                    "bodySite": site,
                    "instance": [
                        {
                            "uid": f"{uid}.1.1",
                            "sopClass": {"system": "urn:ietf:rfc:3986", "code": "urn:oid:1.2.840.10008.5.1.4.1.1.1.1"},
                        }
                    ],
                }
            ],
        )

    def allergy(self, term: Term, day: date) -> None:
        """An allergy, outside any visit."""
        self.add(
            "AllergyIntolerance",
            clinicalStatus=_code("allergyintolerance-clinical", "active"),
            verificationStatus=_code("allergyintolerance-verification", "confirmed"),
            code=concept(term),
            patient=_reference(self.patient),
            recordedDate=day.isoformat(),
        )
