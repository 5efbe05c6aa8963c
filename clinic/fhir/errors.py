"""Errors of ``clinic.fhir``; their sentences name an entry by its index and never show its content."""

from clinic.errors import ClinicError


class FhirError(ClinicError):
    """Root of what goes wrong with FHIR content."""

    code = "fhir"


class NotFhir(FhirError):
    """Not a FHIR R4 Bundle in JSON, and it does not claim to be one: the file is an ordinary record."""

    code = "not-fhir"


class FhirInvalid(FhirError):
    """Claims to be a FHIR R4 Bundle (or to be one of its resources) but is broken; nothing of it was taken."""

    code = "fhir-invalid"
