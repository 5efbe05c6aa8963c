"""Verifying a patient's chains against the ledger and the store, without any key that opens a record."""

from __future__ import annotations

from dataclasses import dataclass

from clinic.fetching import fetch_all
from clinic.site import Site
from cloud.errors import HashMismatch
from scheme import chain
from scheme.errors import SchemeError


@dataclass(frozen=True)
class ChainReport:
    """One chain: how many of its blocks are sound; ``problem`` says what is wrong with the first that is not."""

    chain: str
    hospital: str
    blocks: int
    stored_bytes: int
    problem: str | None
    code: str | None


def verify_patient(site: Site, patient_id: str) -> list[ChainReport]:
    """Fetch every block of every chain of the patient: header, link, hospital's signature, digest of every member.

    What keeps a block from being looked at (a store or server that does not answer, or refuses) says nothing of the
    chain and is raised.
    """
    state = site.state()
    reports = []
    for known in state.chains(patient_id):
        anchored = state.blocks(chain=known.chain)
        count = 0
        stored = 0
        previous = chain.genesis(known.chain)
        problem: SchemeError | HashMismatch | None = None
        try:
            for fetched in fetch_all(site, state, anchored):
                if fetched.block.header.previous != previous:
                    raise chain.ChainTampered(f"block {count} of chain {known.chain} is not linked to the one before")
                fetched.block.check_members()
                previous = fetched.anchored.locator
                count += 1
                stored += fetched.anchored.size
                site.progress("verifying", count, len(anchored))
        except (SchemeError, HashMismatch) as error:
            problem = error
        reports.append(
            ChainReport(
                known.chain,
                known.hospital,
                count,
                stored,
                str(problem) if problem else None,
                problem.code if problem else None,
            )
        )
    return reports
