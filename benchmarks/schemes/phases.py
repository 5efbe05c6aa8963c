"""The phases of every scheme, each as a call that starts where the phase starts: capsules in bytes, keys as held."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Any

from benchmarks.schemes.scheme import Scheme

Made = Callable[[], Scheme[Any, Any, Any]]
"""A setup."""


class Phase(StrEnum):
    """In the order data flows."""

    SETUP = "setup"
    KEY_GENERATION = "key generation"
    REKEY = "rekey"
    ENCAPSULATE = "encapsulate"
    REENCAPSULATE = "re-encapsulate"
    DECAPSULATE = "decapsulate"
    OPEN = "open"


class Run:
    """One scheme at work between two people: every phase once, and each again at will."""

    def __init__(self, make: Made) -> None:
        self.scheme = scheme = make()
        delegator, delegatee = scheme.key_generation("patient"), scheme.key_generation("doctor")
        author, receiver = scheme.author_needs(delegator), scheme.delegator_needs(delegatee)
        rekey = scheme.rekey(delegator, receiver)
        capsule, self.key = scheme.encapsulate(author)
        reencapsulated = scheme.reencapsulate(rekey, capsule)
        calls: dict[Phase, Callable[[], Any]] = {
            Phase.SETUP: make,
            Phase.KEY_GENERATION: lambda: scheme.key_generation("patient"),
            Phase.REKEY: lambda: scheme.rekey(delegator, receiver),
            Phase.ENCAPSULATE: lambda: scheme.encapsulate(author),
            Phase.REENCAPSULATE: lambda: scheme.reencapsulate(rekey, capsule),
            Phase.DECAPSULATE: lambda: scheme.decapsulate(delegator, capsule),
            Phase.OPEN: lambda: scheme.open_reencapsulated(delegatee, delegator.public, reencapsulated),
        }
        parameters = scheme.parameter_bytes()
        if scheme.one_setup or not parameters:
            del calls[Phase.SETUP]
        self.calls: Mapping[Phase, Callable[[], Any]] = calls
        """Without a setup where there are no parameters to make."""
        self.sizes: Mapping[str, int] = {
            "parameters": len(parameters),
            "public key": len(scheme.public_key_bytes(delegator.public)),
            "rekey": len(scheme.rekey_bytes(rekey)),
            "capsule": len(capsule),
            "re-encapsulated capsule": len(reencapsulated),
        }
        """Bytes on the wire by object."""
