"""Hospitals by the id of their key, which stands in headers, and the first hospital of the home."""

from __future__ import annotations

import threading

from clinic.directory import Directory
from ledger.bodies import Role
from ledger.records import Member
from ledger.state import State
from scheme.keys import VerifyingKey


class Hospitals:
    """What is looked for once and then stays as it is: members keep their keys. Several threads may ask."""

    def __init__(self, directory: Directory) -> None:
        self._directory = directory
        self._first: str | None = None
        self._of_keys: dict[str, str] = {}
        self._height = -1
        self._lock = threading.Lock()

    @property
    def first(self) -> str | None:
        """The home's first hospital, if it has one."""
        if self._first is None:
            people = self._directory.people()
            self._first = next((person.member_id for person in people if person.role == Role.HOSPITAL), None)
        return self._first

    def of_key(self, state: State, key_id: str) -> Member | None:
        """The ledger's hospital with that key, out of office too; all members are gone through once a ledger block."""
        with self._lock:
            if key_id not in self._of_keys and state.height != self._height:
                self._height = state.height
                self._of_keys = {
                    VerifyingKey(member.keys.verifying).key_id: member.member
                    for member in state.members()
                    if member.role is Role.HOSPITAL
                }
            member_id = self._of_keys.get(key_id)
        return None if member_id is None else state.member(member_id)
