"""Every scheme that is installed here, and what is not."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from benchmarks.groups import charm, mcl
from benchmarks.groups.charm import CharmGroup
from benchmarks.groups.errors import GroupUnavailable
from benchmarks.groups.group import Group
from benchmarks.groups.mcl import MclGroup
from benchmarks.optional import NOT_INSTALLED
from benchmarks.schemes.afgh import Afgh
from benchmarks.schemes.bbs98 import Bbs98
from benchmarks.schemes.green_ateniese import GreenAteniese
from benchmarks.schemes.libert_vergnaud import LibertVergnaud
from benchmarks.schemes.own import Umbral
from benchmarks.schemes.peers import ProxyRecrypt, UmbralPre
from benchmarks.schemes.phases import Made
from benchmarks.schemes.scheme import GroupScheme, Scheme
from benchmarks.schemes.type_and_identity import TypeAndIdentity

RESEARCH: tuple[type[GroupScheme[Any, Any, Any]], ...] = (Bbs98, Afgh, GreenAteniese, LibertVergnaud, TypeAndIdentity)
"""Written here from their papers."""
_PEERS: tuple[tuple[str, type[UmbralPre] | type[ProxyRecrypt], str], ...] = (
    ("umbral_pre", UmbralPre, NOT_INSTALLED),
    (
        "proxy_recrypt",
        ProxyRecrypt,
        "not installed: pip install proxy-recrypt (builds MIRACL, needs g++, x86-64 Linux)",
    ),
)


@dataclass(frozen=True)
class Missing:
    """What is not installed, and how to get it."""

    name: str
    reason: str


def found() -> tuple[list[list[Made]], list[Missing]]:
    """Schemes to measure, those of one list interleaved, and what is not installed.

    The first list is for today's security levels: BLS12-381, the project's own scheme and the peers. SS512 has its own.
    """
    today, missing = _others()
    lists = [today]
    try:
        today[:0] = over(MclGroup())
    except GroupUnavailable as error:
        missing.append(Missing(mcl.NAME, str(error)))
    try:
        lists.append(over(CharmGroup()))
    except GroupUnavailable as error:
        missing.append(Missing(charm.NAME, str(error)))
    return lists, missing


def over(group: Group) -> list[Made]:
    """The research schemes over ``group``."""
    return [_made(scheme, group) for scheme in RESEARCH]


def _others() -> tuple[list[Made], list[Missing]]:
    made: list[Made] = [Umbral]
    missing = []
    for module, scheme, reason in _PEERS:
        try:
            made.append(_made(scheme, importlib.import_module(module)))
        except ImportError:
            missing.append(Missing(scheme.name, reason))
    return made, missing


def _made(scheme: Callable[[Any], Scheme[Any, Any, Any]], handed_in: Any) -> Made:
    return lambda: scheme(handed_in)
