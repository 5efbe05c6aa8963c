"""FHIR R4 in, groups of records by scope out, and back: parse, categorise, split, assemble; made-up histories."""
