"""Store URLs: parsed and checked in one place. A URL names a store; it never holds a credential."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import SplitResult, parse_qsl, quote, unquote, urlencode, urlsplit

from cloud.errors import StoreMisconfigured

_OPTIONS: Final[Mapping[str, frozenset[str]]] = {
    "file": frozenset(),
    "s3": frozenset({"endpoint", "region", "profile", "ca", "retention_days", "retention_mode"}),
    "ftp": frozenset(),
    "ftps": frozenset({"ca"}),
    "sftp": frozenset({"key", "known_hosts"}),
}
_LOCAL_PATHS: Final = frozenset({"ca", "key", "known_hosts", "profile"})


@dataclass(frozen=True)
class StoreUrl:
    """The parts of a store URL; ``public`` is how it is shown to people: no paths of the user's own files in it."""

    scheme: str
    user: str | None
    host: str
    port: int | None
    path: str
    options: Mapping[str, str]
    public: str


def parse_url(url: str) -> StoreUrl:
    """Parse ``url``; raises ``StoreMisconfigured``, whose sentence never repeats a URL that may hold a password."""
    try:
        parts = urlsplit(url)
        port = parts.port
        pairs = parse_qsl(parts.query, strict_parsing=True, keep_blank_values=True) if parts.query else []
    except ValueError:
        raise StoreMisconfigured("the store's URL cannot be parsed; see docs/storage.md for examples") from None
    if parts.scheme not in _OPTIONS:
        raise StoreMisconfigured("a store's URL starts with file://, s3://, ftp://, ftps:// or sftp://")
    _refuse_credentials(parts, pairs)
    options = dict(pairs)
    unknown = options.keys() - _OPTIONS[parts.scheme]
    if unknown or len(options) != len(pairs):
        known = ", ".join(sorted(_OPTIONS[parts.scheme])) or "none"
        raise StoreMisconfigured(
            f"the {parts.scheme}:// URL has an option that is unknown or given twice; the options are: {known}"
        )
    if parts.fragment:
        raise StoreMisconfigured("the store's URL has a '#' part; write %23 if it belongs to the path")
    path = unquote(parts.path)
    if "\0" in path or ".." in path.split("/"):
        raise StoreMisconfigured("the path in the store's URL goes through '..'; give it in full")
    _check_host(parts)
    user = unquote(parts.username) if parts.username else None
    return StoreUrl(parts.scheme, user, parts.hostname or "", port, path, options, _public(parts, options))


def _refuse_credentials(parts: SplitResult, pairs: list[tuple[str, str]]) -> None:
    endpoints = [urlsplit(value) for name, value in pairs if name == "endpoint"]
    if parts.password is not None or any(endpoint.username is not None for endpoint in endpoints):
        raise StoreMisconfigured(
            "the store's URL holds a password; take it out and change it (it may be in your shell's history now), then "
            "use the AWS credential chain for s3, a netrc file for ftp and ftps, ssh-agent or a key file for sftp"
        )
    if parts.scheme == "s3" and parts.username is not None:
        raise StoreMisconfigured("an s3:// URL names no user: credentials come from the AWS credential chain")
    if any(endpoint.scheme not in {"http", "https"} or endpoint.query for endpoint in endpoints):
        raise StoreMisconfigured("the endpoint of an s3:// URL is http://HOST:PORT or https://HOST:PORT")


def _check_host(parts: SplitResult) -> None:
    if parts.scheme == "file":
        if parts.netloc not in {"", "localhost"} or not parts.path.startswith("/"):
            raise StoreMisconfigured("a folder is file:///absolute/path (three slashes)")
    elif not parts.hostname:
        raise StoreMisconfigured(f"the {parts.scheme}:// URL names no {'bucket' if parts.scheme == 's3' else 'host'}")


def _public(parts: SplitResult, options: Mapping[str, str]) -> str:
    shown = {name: value for name, value in options.items() if name not in _LOCAL_PATHS}
    query = f"?{urlencode(shown, safe=':/')}" if shown else ""
    return f"{parts.scheme}://{parts.netloc}{quote(unquote(parts.path), safe='/~')}{query}"
