"""Made-up whole-life histories in FHIR R4 for demonstrations: plausible, seeded, of nobody."""

import json
import random
import re
from collections.abc import Iterator
from datetime import date
from pathlib import Path

from clinic.fhir.life import Life

_MARKED_NUMBER = re.compile(r'"#(-?\d+(?:\.\d+)?)#"')


def generate(patients: int, seed: int, today: date) -> Iterator[tuple[str, bytes]]:
    """Yield (file name, FHIR R4 Bundle of type ``collection``) for each patient.

    The same ``seed`` and ``today`` give the same bytes, and the first histories do not depend on how many follow.
    File names hold no name. Numbers keep their final zeros (1.10), names come in many scripts.
    """
    for index in range(patients):
        # A made-up history has to be repeatable, not secret.
        rng = random.Random(f"chartseal/{seed}/{index}")  # noqa: S311
        entries = [{"fullUrl": f"urn:uuid:{one['id']}", "resource": one} for one in Life(rng, today).live()]
        bundle = {"resourceType": "Bundle", "type": "collection", "entry": entries}
        text = json.dumps(bundle, ensure_ascii=False, indent=1)
        yield f"history-{index + 1:04d}.json", _MARKED_NUMBER.sub(r"\1", text).encode()


def write_histories(folder: Path, patients: int, seed: int, today: date) -> list[Path]:
    """Write ``generate``'s histories into ``folder`` (made if absent); return the files. Raises ``OSError``."""
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for name, data in generate(patients, seed, today):
        path = folder / name
        path.write_bytes(data)
        written.append(path)
    return written
