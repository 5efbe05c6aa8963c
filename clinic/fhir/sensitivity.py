# ruff: noqa: SIM905  (tables of codes read better as text)
"""Codes that make a resource sensitive: small explicit tables, nothing learned, nothing fetched.

Sources: HL7 v3 ActCode (information sensitivity) and Confidentiality; chapters and blocks of ICD-10 and ICD-10-CM; WHO
ATC groups; LOINC, SNOMED CT, CPT and HCPCS codes chosen one by one. Sexual health, sexually transmitted diseases and
HIV are counted as reproductive; substance use, dementia, violence and abuse as mental health.
"""

import re
from typing import Final

from scheme.scopes import Category

_MENTAL: Final = Category.MENTAL_HEALTH
_REPRODUCTIVE: Final = Category.REPRODUCTIVE

_LABELS: Final[dict[str, Category]] = {
    **dict.fromkeys("ETH ETHUD OPIOIDUD SUD PSY PSYTHPN MH BH COGN DVD EMOTDIS SDV".split(), _MENTAL),
    **dict.fromkeys("SEX STD HIV".split(), _REPRODUCTIVE),
}
_UNSPECIFIC_LABELS: Final = frozenset("GDIS SICKLE TABOO ADOL SSP VIP CEL EMP PDS PHY PRS".split())
_CONFIDENTIALITY: Final = frozenset(("R", "V"))

_SNOMED: Final[dict[str, Category]] = {
    **dict.fromkeys(
        # disorders: depression, anxiety, bipolar, psychosis, dementia, attention deficit, eating, self-harm
        "35489007 36923009 66344007 370143000 197480006 21897009 47505003 13746004 58214004 26929004 52448006 "
        "192127007 406506008 72366004 56882008 78004001 6471006 82313006 "
        # substance use
        "7200002 66590003 15167005 191816009 26416006 75544000 5602001 55680006 "
        # care: screening, therapy, detoxification, care plans
        "171207006 228557008 56876005 386522008 386257007 24165007 60112009 266707007 61480009 405783006 226138001 "
        "850261000000100 710125008".split(),
        _MENTAL,
    ),
    **dict.fromkeys(
        # pregnancy and its complications
        "72892002 77386006 19169002 17369002 79586000 198992004 398254007 35999006 65588006 "
        # visits, procedures and plans around it
        "424441002 424619006 169762003 183460006 11466000 66348005 237001001 31208007 225158009 274804006 252160004 "
        "169230002 85548006 236974004 714812005 386394001 10383002 51116004 169673001 271442007 443529005 275833003 "
        "134435003 135892000 312404004 713076009 "
        # contraception, sterilisation, infertility
        "65200003 169553002 68254000 301807007 46706006 287664005 8619003 6738008 2904007 "
        # sexually transmitted diseases and HIV, with their tests; sexual activity
        "86406008 62479008 15628003 76272004 310861008 165829005 269828009 31676001 90226004 243077000".split(),
        _REPRODUCTIVE,
    ),
}
_LOINC: Final[dict[str, Category]] = {
    **dict.fromkeys(
        # PHQ-9, PHQ-2, GAD-7, Edinburgh scale, MMSE, MoCA
        "44249-1 44261-6 44250-9 44255-8 55757-9 55758-7 69737-5 70274-6 71354-5 72106-8 72107-6 72172-0 "
        # AUDIT, AUDIT-C, DAST-10, alcohol and drug history, abuse
        "72110-0 75624-7 72109-2 75626-2 82667-7 74013-4 11331-6 11343-1 28245-9".split(),
        _MENTAL,
    ),
    **dict.fromkeys(
        # pregnancy tests and status, dates and counts, fetal findings
        "2106-3 2118-8 19080-1 21198-7 82810-3 11778-8 11779-6 11636-8 11996-6 8665-2 55283-6 11881-0 "
        # HIV, sexual orientation, gender identity
        "55277-8 75622-1 7917-8 56888-1 76690-7 76691-5".split(),
        _REPRODUCTIVE,
    ),
}

# Patterns over the code in capitals; mental health is tried first.
_ICD10_MENTAL: Final = re.compile(
    r"F|G30|G31\.?[08]|R41\.?81|R45|T14\.?91|X(?:6\d|7[0-9]|8[0-4])|Y0[4-9]|T7[46]|K70|T40|T51|E24\.?4|G62\.?1|I42\.?6"
    r"|R78\.?[0-5]|Z04\.?[467]|Z13\.?3|Z62\.?81|Z63\.?0|Z65\.?4|Z69|Z71\.?[45]|Z72\.?1|Z81|Z86\.?5|Z91\.?(?:4|5)"
)
_ICD10_REPRODUCTIVE: Final = re.compile(
    r"O|Z3|N46|N52|N7[0-7]|N80|N9[1-8]|A5\d|A6[0-4]|B2[0-4]|B97\.?35|R75|T38\.?4|T83\.?3|Z11\.?[34]|Z20\.?[26]|Z21"
    r"|Z64\.?[01]|Z72\.?5|Z79\.?3|Z87\.?(?:410|5)|Z97\.?5|Z98\.?5"
)
_ATC_MENTAL: Final = re.compile(r"N05|N06|N07B(?!A)")
_ATC_REPRODUCTIVE: Final = re.compile(r"G02|G03A|G03D|G03G|G03X|J05AR")
_BILLED_MENTAL: Final = re.compile(r"90(?:7[89]|8\d)\d|961[23]\d|9614[0-6]|9940[89]|H[012]\d{3}|G04(?:39|4[0-4])")
_BILLED_REPRODUCTIVE: Final = re.compile(
    r"59\d{3}|5830[01]|586\d\d|589\d\d|55250|7680\d|7681\d|81025|8470[234]|8670[123]|87389|8753[4-9]|87491|87591|8659[23]"
    r"|J729[6-9]|J730[0-7]|S498\d|A426[1-9]"
)

_SYSTEMS: Final[dict[str, str]] = {
    "http://snomed.info/sct": "snomed",
    "urn:oid:2.16.840.1.113883.6.96": "snomed",
    "http://loinc.org": "loinc",
    "urn:oid:2.16.840.1.113883.6.1": "loinc",
    "http://hl7.org/fhir/sid/icd-10": "icd10",
    "http://hl7.org/fhir/sid/icd-10-cm": "icd10",
    "http://hl7.org/fhir/sid/icd-10-de": "icd10",
    "http://fhir.de/CodeSystem/bfarm/icd-10-gm": "icd10",
    "urn:oid:2.16.840.1.113883.6.90": "icd10",
    "urn:oid:2.16.840.1.113883.6.3": "icd10",
    "http://www.whocc.no/atc": "atc",
    "urn:oid:2.16.840.1.113883.6.73": "atc",
    "http://www.nlm.nih.gov/research/umls/rxnorm": "drug",
    "urn:oid:2.16.840.1.113883.6.88": "drug",
    "http://hl7.org/fhir/sid/ndc": "drug",
    "http://hl7.org/fhir/sid/cvx": "vaccine",
    "http://www.ama-assn.org/go/cpt": "billed",
    "urn:oid:2.16.840.1.113883.6.12": "billed",
    "http://www.cms.gov/Medicare/Coding/HCPCSReleaseCodeSets": "billed",
    "https://www.cms.gov/Medicare/Coding/HCPCSReleaseCodeSets": "billed",
    "urn:oid:2.16.840.1.113883.6.285": "billed",
    "http://terminology.hl7.org/CodeSystem/v3-ActCode": "sensitivity",
    "http://hl7.org/fhir/v3/ActCode": "sensitivity",
    "urn:oid:2.16.840.1.113883.5.4": "sensitivity",
    "http://terminology.hl7.org/CodeSystem/v3-Confidentiality": "confidentiality",
    "http://hl7.org/fhir/v3/Confidentiality": "confidentiality",
    "urn:oid:2.16.840.1.113883.5.25": "confidentiality",
}
_BY_PATTERN: Final = {
    "icd10": (_ICD10_MENTAL, _ICD10_REPRODUCTIVE),
    "atc": (_ATC_MENTAL, _ATC_REPRODUCTIVE),
    "billed": (_BILLED_MENTAL, _BILLED_REPRODUCTIVE),
}


def terminology(system: str) -> str | None:
    """Short name of a code system that is known here: snomed, loinc, icd10, atc, drug, vaccine, billed, ...

    Editions and versions of SNOMED CT count as SNOMED CT.
    """
    name = _SYSTEMS.get(system.split("|", 1)[0].rstrip("/"))
    return "snomed" if name is None and system.startswith("http://snomed.info/sct/") else name


def sensitive_code(system: str, code: str) -> Category | None:
    """Mental health or reproductive, when the code of that system says so; else None."""
    name = terminology(system)
    code = code.strip()
    if name == "snomed":
        found = {_SNOMED[part] for part in re.findall(r"\d+", code) if part in _SNOMED}
        return _MENTAL if _MENTAL in found else next(iter(found), None)
    if name == "loinc":
        return _LOINC.get(code)
    if name in _BY_PATTERN:
        mental, reproductive = _BY_PATTERN[name]
        code = code.upper()
        return _MENTAL if mental.match(code) else _REPRODUCTIVE if reproductive.match(code) else None
    return None


def label(system: str, code: str, *, in_security: bool) -> Category | bool:
    """What a security label says: a category; True for "restricted" without a topic; False for no label.

    ``in_security``: the code stands in ``meta.security``, where a label without its system is still believed.
    """
    name = terminology(system)
    if name == "sensitivity" or (in_security and name is None):
        if code in _LABELS:
            return _LABELS[code]
        if code in _UNSPECIFIC_LABELS:
            return True
    return (name == "confidentiality" or (in_security and name is None)) and code in _CONFIDENTIALITY
