"""Put records back together into one FHIR R4 Bundle, from their exact bytes."""

import hashlib
import json
from collections.abc import Iterable
from typing import BinaryIO

from clinic.fhir.bundle import check_resource


def assemble(records: Iterable[tuple[str | None, bytes]], sink: BinaryIO) -> int:
    """Write a Bundle of type ``collection`` to ``sink``; return the number of resources in it.

    ``records`` are (fullUrl, bytes of the resource); the same pair is written once. Memory is flat but for 32 bytes a
    record. Raises ``FhirInvalid`` on bytes that are not exactly one resource, so that no record can close the Bundle
    or speak for another; what was written until then is not a Bundle and is to be thrown away.
    """
    seen: set[bytes] = set()
    sink.write(b'{"resourceType":"Bundle","type":"collection"')
    for full_url, data in records:
        prefix = b"{" if full_url is None else b'{"fullUrl":' + json.dumps(full_url).encode() + b","
        digest = hashlib.sha256(prefix + data).digest()
        if digest in seen:
            continue
        check_resource(data, what=f"record {len(seen)}")
        sink.write(b",\n" if seen else b',"entry":[\n')
        sink.write(prefix + b'"resource":' + data + b"}")
        seen.add(digest)
    sink.write(b"\n]}\n" if seen else b"}\n")
    return len(seen)
