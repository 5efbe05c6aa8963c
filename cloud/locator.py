"""The name of a block in every store: the SHA-256 of its header, 64 lower-case hexadecimal characters."""

import re

from cloud.errors import LocatorInvalid

LOCATOR_LENGTH = 64
_LOCATOR = re.compile(r"[0-9a-f]{64}", re.ASCII)
_PREFIX = re.compile(r"[0-9a-f]{0,64}", re.ASCII)


def is_locator(name: str) -> bool:
    """Whether ``name`` could be a block; anything else that lies in a store is left alone and never listed."""
    return _LOCATOR.fullmatch(name) is not None


def check_locator(locator: str) -> str:
    """Return ``locator``; raises ``LocatorInvalid`` so that no path, dot or upper case reaches a backend."""
    if not is_locator(locator):
        raise LocatorInvalid(f"a block's locator is {LOCATOR_LENGTH} lower-case hexadecimal characters")
    return locator


def check_prefix(prefix: str) -> str:
    """Return ``prefix``, the first 0 to 64 characters of a locator; raises ``LocatorInvalid``."""
    if _PREFIX.fullmatch(prefix) is None:
        raise LocatorInvalid(f"the start of a locator is up to {LOCATOR_LENGTH} lower-case hexadecimal characters")
    return prefix
