"""One made-up patient's whole life, visit by visit."""

from datetime import timedelta
from typing import Final

from clinic.fhir import catalogue
from clinic.fhir.catalogue import Illness, Term
from clinic.fhir.chart import Chart, Resource

_FIRST_YEAR_OF_PREGNANCY: Final = 20
_LAST_YEAR_OF_PREGNANCY: Final = 40
_ADULT: Final = 18


class Life(Chart):
    """Fills the chart of one patient as ``live`` goes through the years."""

    def live(self) -> list[Resource]:
        """The whole history up to ``today``: 100 to 200 resources for most adults."""
        self.person()
        age = (self.today - self.born).days // 365
        for year, vaccine in catalogue.CHILDHOOD_VACCINES:
            self._vaccination(year, vaccine)
        for year in sorted(self.rng.sample(range(1, age), min(3 + age // 14, age - 1))):
            self._check_up(year)
        for year in sorted(self.rng.sample(range(1, age), self.rng.randint(2, 4))):
            self._passing_illness(year)
        for illness in self.rng.sample(catalogue.LASTING, self.rng.randint(1, 2)):
            self._lasting_illness(illness, max(age - self.rng.randint(3, 12), 1), age, visits=4)
        self._fracture(self.rng.randint(2, age - 1))
        if self.number % 3 == 1:
            self._lasting_illness(catalogue.DEPRESSION, max(_ADULT, age - 4), age, visits=5)
        if self.female and age > _FIRST_YEAR_OF_PREGNANCY:
            self._pregnancy(self.rng.randint(_FIRST_YEAR_OF_PREGNANCY, min(age - 1, _LAST_YEAR_OF_PREGNANCY)))
        if self.rng.random() < 0.5:
            self.allergy(self.rng.choice(catalogue.ALLERGIES), self.day(self.rng.randint(1, age - 1)))
        return self.resources

    def _vaccination(self, year: int, vaccine: Term) -> None:
        self.visit(self.day(year), catalogue.CHECK_UP)
        self.immunisation(vaccine)
        self.leave()

    def _check_up(self, year: int) -> None:
        self.visit(self.day(year), catalogue.CHECK_UP)
        self.vital_signs()
        if self.rng.random() < 0.5:
            self.laboratory()
        if self.rng.random() < 0.4:
            self.immunisation(catalogue.INFLUENZA)
        if self.rng.random() < 0.3:
            self.procedure(catalogue.MEDICATION_REVIEW)
        self.leave()

    def _passing_illness(self, year: int) -> None:
        illness = self.rng.choice(catalogue.PASSING)
        self.visit(self.day(year), catalogue.SYMPTOM, illness.term)
        condition = self.condition(illness.term)
        if illness.medicine is not None:
            self.prescription(illness.medicine, condition)
        self.leave()

    def _lasting_illness(self, illness: Illness, first: int, last: int, visits: int) -> None:
        condition: Resource | None = None
        for at in range(visits):
            day = self.day(first + (last - 1 - first) * at // max(visits - 1, 1))
            self.visit(day, catalogue.PROBLEM if condition is None else catalogue.FOLLOW_UP, illness.term)
            condition = condition or self.condition(illness.term, resolved=False)
            if illness.measure is not None:
                survey = illness is catalogue.DEPRESSION
                self.observation(illness.measure, "survey" if survey else "laboratory")
            if illness is catalogue.DEPRESSION:
                self.procedure(catalogue.THERAPY, condition)
            if illness.medicine is not None:
                self.prescription(illness.medicine, condition)
            self.leave()

    def _fracture(self, year: int) -> None:
        broken, bone, image = self.rng.choice(catalogue.FRACTURES)
        self.visit(self.day(year), catalogue.EMERGENCY, broken, inpatient=True)
        condition = self.condition(broken)
        self.image(image, bone)
        self.procedure(catalogue.IMMOBILISATION, condition)
        self.prescription(catalogue.PAIN_RELIEF, condition)
        self.leave()

    def _pregnancy(self, year: int) -> None:
        first = self.day(year)
        condition: Resource | None = None
        for week in (6, 16, 28, 36):
            day = min(first + timedelta(weeks=week), self.today - timedelta(days=1))
            self.visit(day, catalogue.PRENATAL, catalogue.PREGNANCY)
            if condition is None:
                condition = self.condition(catalogue.PREGNANCY)
                self.procedure(catalogue.PREGNANCY_TEST)
                self.observation(catalogue.HCG, "laboratory")
            else:
                self.observation(catalogue.FETAL_HEART_RATE, "exam")
            self.vital_signs()
            self.leave()
        self.visit(min(first + timedelta(weeks=40), self.today), catalogue.PROBLEM, catalogue.PREGNANCY, inpatient=True)
        self.procedure(catalogue.CHILDBIRTH, condition)
        self.prescription(catalogue.CONTRACEPTIVE)
        self.leave()
