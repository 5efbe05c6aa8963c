"""What made-up histories are made of: people, diagnoses, tests, medicines, vaccines. All invented or plain codes."""

from dataclasses import dataclass
from typing import Final

SNOMED: Final = "http://snomed.info/sct"
LOINC: Final = "http://loinc.org"
RXNORM: Final = "http://www.nlm.nih.gov/research/umls/rxnorm"
CVX: Final = "http://hl7.org/fhir/sid/cvx"
TERMS: Final = "http://terminology.hl7.org/CodeSystem"


@dataclass(frozen=True, slots=True)
class Term:
    """A code of a code system with its display text."""

    system: str
    code: str
    display: str


@dataclass(frozen=True, slots=True)
class Measure:
    """An observation with a plausible range; ``digits`` decimals are always written, so that 1.10 stays 1.10."""

    term: Term
    low: float
    high: float
    unit: str
    digits: int = 0


@dataclass(frozen=True, slots=True)
class Illness:
    """A diagnosis with the medicine it gets; ``measure`` is followed at each visit."""

    term: Term
    medicine: Term | None = None
    measure: Measure | None = None


# (family, given of women, given of men, city, country, language)
PEOPLE: Final = (
    ("Hargreave", ("Edith", "Nora"), ("Owen", "Silas"), "Leeds", "GB", "en"),
    ("Núñez", ("Inés", "Begoña"), ("Íñigo", "Álvaro"), "Cádiz", "ES", "es"),
    ("Łukasiewicz", ("Małgorzata", "Żaneta"), ("Święcisław", "Błażej"), "Łódź", "PL", "pl"),
    ("Παπαδοπούλου", ("Ελένη", "Σοφία"), ("Γιώργος", "Νίκος"), "Αθήνα", "GR", "el"),
    ("Шевченко", ("Олена", "Марія"), ("Тарас", "Ярослав"), "Київ", "UA", "uk"),
    ("حداد", ("ليلى", "مريم"), ("يوسف", "سامي"), "بيروت", "LB", "ar"),
    ("כהן", ("נועה", "תמר"), ("איתן", "דניאל"), "חיפה", "IL", "he"),
    ("शर्मा", ("अनन्या", "प्रिया"), ("अर्जुन", "विवेक"), "पुणे", "IN", "hi"),
    ("王", ("秀英", "丽华"), ("建国", "伟"), "成都", "CN", "zh"),
    ("佐藤", ("陽菜", "美咲"), ("蓮", "大翔"), "仙台", "JP", "ja"),
    ("김", ("서연", "지우"), ("민준", "도윤"), "부산", "KR", "ko"),
    ("Nguyễn", ("Thị Hương", "Ánh"), ("Văn Đức", "Quốc"), "Huế", "VN", "vi"),
    ("O'Brien-Ọkọ̀wọ́", ("Adéọlá", "Fúnmiláyọ̀"), ("Táíwò", "Kẹ́hìndé"), "Ìbàdàn", "NG", "yo"),
)

CHECK_UP: Final = Term(SNOMED, "185349003", "Encounter for check up (procedure)")
SYMPTOM: Final = Term(SNOMED, "185345009", "Encounter for symptom")
FOLLOW_UP: Final = Term(SNOMED, "390906007", "Follow-up encounter")
PROBLEM: Final = Term(SNOMED, "185347001", "Encounter for problem")
EMERGENCY: Final = Term(SNOMED, "50849002", "Emergency room admission (procedure)")
PRENATAL: Final = Term(SNOMED, "424619006", "Prenatal visit")

HEIGHT: Final = Measure(Term(LOINC, "8302-2", "Body Height"), 150, 192, "cm", 1)
WEIGHT: Final = Measure(Term(LOINC, "29463-7", "Body Weight"), 48, 105, "kg", 1)
HEART_RATE: Final = Measure(Term(LOINC, "8867-4", "Heart rate"), 52, 98, "/min")
SYSTOLIC: Final = Measure(Term(LOINC, "8480-6", "Systolic blood pressure"), 98, 158, "mm[Hg]")
DIASTOLIC: Final = Measure(Term(LOINC, "8462-4", "Diastolic blood pressure"), 58, 96, "mm[Hg]")
BLOOD_PRESSURE: Final = Term(LOINC, "85354-9", "Blood pressure panel")
HBA1C: Final = Measure(Term(LOINC, "4548-4", "Hemoglobin A1c/Hemoglobin.total in Blood"), 5, 9, "%", 2)
LDL: Final = Measure(Term(LOINC, "18262-6", "Low Density Lipoprotein Cholesterol"), 60, 190, "mg/dL", 1)
PHQ9: Final = Measure(Term(LOINC, "44261-6", "Patient Health Questionnaire 9 item total score"), 4, 24, "{score}")
HCG: Final = Measure(Term(LOINC, "21198-7", "Choriogonadotropin.beta subunit in Serum"), 900, 90000, "m[IU]/mL")
FETAL_HEART_RATE: Final = Measure(Term(LOINC, "55283-6", "Fetal Heart rate"), 112, 158, "/min")

PANELS: Final = (
    (
        Term(LOINC, "51990-0", "Basic metabolic panel - Blood"),
        (
            Measure(Term(LOINC, "2339-0", "Glucose [Mass/volume] in Blood"), 68, 128, "mg/dL", 1),
            Measure(Term(LOINC, "38483-4", "Creatinine [Mass/volume] in Blood"), 0.6, 1.4, "mg/dL", 2),
            Measure(Term(LOINC, "2947-0", "Sodium [Moles/volume] in Blood"), 135, 146, "mmol/L", 1),
            Measure(Term(LOINC, "6298-4", "Potassium [Moles/volume] in Blood"), 3.5, 5.2, "mmol/L", 2),
        ),
    ),
    (
        Term(LOINC, "57698-3", "Lipid panel with direct LDL - Serum or Plasma"),
        (
            Measure(Term(LOINC, "2093-3", "Cholesterol [Mass/volume] in Serum or Plasma"), 130, 260, "mg/dL", 1),
            Measure(Term(LOINC, "2571-8", "Triglyceride [Mass/volume] in Serum or Plasma"), 60, 240, "mg/dL", 1),
            LDL,
        ),
    ),
    (
        Term(LOINC, "58410-2", "Complete blood count (hemogram) panel - Blood by Automated count"),
        (
            Measure(Term(LOINC, "718-7", "Hemoglobin [Mass/volume] in Blood"), 11, 17, "g/dL", 2),
            Measure(Term(LOINC, "6690-2", "Leukocytes [#/volume] in Blood by Automated count"), 4, 11, "10*3/uL", 2),
            Measure(Term(LOINC, "777-3", "Platelets [#/volume] in Blood by Automated count"), 150, 400, "10*3/uL"),
        ),
    ),
)

PASSING: Final = (
    Illness(
        Term(SNOMED, "10509002", "Acute bronchitis (disorder)"),
        Term(RXNORM, "313782", "Acetaminophen 325 MG Oral Tablet"),
    ),
    Illness(Term(SNOMED, "444814009", "Viral sinusitis (disorder)")),
    Illness(Term(SNOMED, "65363002", "Otitis media"), Term(RXNORM, "308182", "Amoxicillin 250 MG Oral Capsule")),
    Illness(Term(SNOMED, "38822007", "Cystitis"), Term(RXNORM, "311989", "Nitrofurantoin 5 MG/ML Oral Suspension")),
    Illness(
        Term(SNOMED, "43878008", "Streptococcal sore throat (disorder)"),
        Term(RXNORM, "834102", "Penicillin V Potassium 500 MG Oral Tablet"),
    ),
)
LASTING: Final = (
    Illness(
        Term(SNOMED, "38341003", "Hypertensive disorder, systemic arterial (disorder)"),
        Term(RXNORM, "197361", "Amlodipine 5 MG Oral Tablet"),
        HEART_RATE,
    ),
    Illness(
        Term(SNOMED, "44054006", "Diabetes mellitus type 2 (disorder)"),
        Term(RXNORM, "860975", "24 HR Metformin hydrochloride 500 MG Extended Release Oral Tablet"),
        HBA1C,
    ),
    Illness(Term(SNOMED, "55822004", "Hyperlipidemia"), Term(RXNORM, "312961", "Simvastatin 20 MG Oral Tablet"), LDL),
    Illness(
        Term(SNOMED, "195967001", "Asthma"),
        Term(RXNORM, "745679", "200 ACTUAT Albuterol 0.09 MG/ACTUAT Metered Dose Inhaler"),
    ),
)
DEPRESSION: Final = Illness(
    Term(SNOMED, "370143000", "Major depressive disorder (disorder)"),
    Term(RXNORM, "312940", "Sertraline 50 MG Oral Tablet"),
    PHQ9,
)
THERAPY: Final = Term(SNOMED, "228557008", "Cognitive and behavioral therapy (regime/therapy)")
PREGNANCY: Final = Term(SNOMED, "72892002", "Normal pregnancy (finding)")
PREGNANCY_TEST: Final = Term(SNOMED, "252160004", "Standard pregnancy test")
CHILDBIRTH: Final = Term(SNOMED, "66348005", "Childbirth")
CONTRACEPTIVE: Final = Term(RXNORM, "748856", "Drospirenone / Ethinyl Estradiol 28 Day Pack")

# (what broke, bone, SNOMED CT body structure, repair)
FRACTURES: Final = (
    (Term(SNOMED, "65966004", "Fracture of forearm"), Term(SNOMED, "40983000", "Arm"), "Radiograph of forearm"),
    (Term(SNOMED, "16114001", "Fracture of ankle"), Term(SNOMED, "344001", "Ankle"), "Radiograph of ankle"),
    (Term(SNOMED, "58150001", "Fracture of clavicle"), Term(SNOMED, "51299004", "Clavicle"), "Radiograph of clavicle"),
)
IMMOBILISATION: Final = Term(SNOMED, "274474001", "Bone immobilization")
PAIN_RELIEF: Final = Term(RXNORM, "310965", "Ibuprofen 200 MG Oral Tablet")
MEDICATION_REVIEW: Final = Term(SNOMED, "428191000124101", "Documentation of current medications")
ALLERGIES: Final = (
    Term(SNOMED, "91935009", "Allergy to peanut"),
    Term(SNOMED, "300916003", "Latex allergy"),
    Term(SNOMED, "419474003", "Allergy to mould"),
)
CHILDHOOD_VACCINES: Final = (
    (0, Term(CVX, "08", "Hep B, adolescent or pediatric")),
    (1, Term(CVX, "03", "MMR")),
    (1, Term(CVX, "21", "varicella")),
    (4, Term(CVX, "10", "IPV")),
    (5, Term(CVX, "20", "DTaP")),
)
INFLUENZA: Final = Term(CVX, "140", "Influenza, seasonal, injectable, preservative free")
