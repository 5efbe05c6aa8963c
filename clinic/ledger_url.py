"""Where a database is, as people write it: a PostgreSQL URL never holds a password, which would be kept and shown."""

from __future__ import annotations

from urllib.parse import parse_qsl, urlsplit

from clinic.errors import InputInvalid


def is_url(place: str) -> bool:
    """Whether ``place`` is a URL, and not the name of a file or folder."""
    return "://" in place


def require_no_password(url: str) -> str:
    """``url``, if no password stands in it. Raises ``InputInvalid``."""
    try:
        parts = urlsplit(url)
        found = parts.password is not None or any(name == "password" for name, _ in parse_qsl(parts.query))
    except ValueError:
        raise InputInvalid("the database's URL cannot be read; write postgresql://USER@HOST/DATABASE") from None
    if found:
        raise InputInvalid(
            "a password must not stand in a database's URL, where it is shown; put it into ~/.pgpass or PGPASSWORD"
        )
    return url
