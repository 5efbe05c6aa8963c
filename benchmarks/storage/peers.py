"""Peers: what people take to keep files encrypted in somebody else's storage, each as its own command.

``restic`` packs small files and stores what is alike once; ``rclone crypt`` encrypts each file and its name; ``age``
encrypts each file, here with ``aws s3 cp`` behind it. None of them writes a ledger, lets anybody but the holder of the
one key read, or syncs a restored file to the disk (as ``chartseal open`` does).
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from benchmarks.servers.running import Running
from benchmarks.storage.systems import News, System, run
from cloud.url import StoreUrl, parse_url

_PASSWORD = "benchmark"  # noqa: S105 - protects nothing


class Restic:
    """A repository of its own; nothing is cached for the download."""

    name = "restic"

    def __init__(self, at: Running, connections: int, scratch: Path) -> None:
        url = parse_url(at.url)
        backend = {"file": "local"}.get(url.scheme, url.scheme)
        self._env = {**at.env, "RESTIC_PASSWORD": _PASSWORD, "RESTIC_CACHE_DIR": str(scratch / "cache")}
        self._command = [
            "restic",
            "--quiet",
            "--repo",
            _repository(url),
            "--option",
            f"{backend}.connections={connections}",
        ]
        if url.scheme == "sftp":
            self._command += ["--option", f"sftp.command={_ssh(url)} -s sftp"]
        run([*self._command, "init"], self._env)

    def upload(self, folder: Path) -> None:
        """See ``System.upload``."""
        run([*self._command, "backup", "."], self._env, folder=folder)

    def download(self, out: Path) -> None:
        """See ``System.download``."""
        run([*self._command, "--no-cache", "restore", "latest", "--target", out], self._env)

    def close(self) -> None:
        """See ``System.close``."""


def _repository(url: StoreUrl) -> str:
    if url.scheme == "s3":
        return f"s3:{url.options['endpoint']}/{url.host}{url.path}"
    return f"sftp:{url.user}@{url.host}:{url.path}" if url.scheme == "sftp" else url.path


def _ssh(url: StoreUrl) -> str:
    options = f"-i {url.options['key']} -o UserKnownHostsFile={url.options['known_hosts']} -o BatchMode=yes"
    return f"ssh -p {url.port} {options} {url.user}@{url.host}"


class RcloneCrypt:
    """A ``crypt`` remote over the store; names are encrypted too."""

    name = "rclone crypt"

    def __init__(self, at: Running, connections: int, scratch: Path) -> None:
        url = parse_url(at.url)
        remote = _REMOTES[url.scheme](at, url)
        root = f"{url.host}{url.path}" if url.scheme == "s3" else url.path
        sealed = {"type": "crypt", "remote": f"store:{root}", "password": _obscured(_PASSWORD)}
        self._env = {**at.env, "RCLONE_CONFIG": str(scratch / "rclone.conf")}
        for section, values in (("STORE", remote), ("SEALED", sealed)):
            self._env |= {f"RCLONE_CONFIG_{section}_{name.upper()}": value for name, value in values.items()}
        (scratch / "rclone.conf").touch()
        together = str(connections)
        self._options = ["--transfers", together, "--checkers", together, "--s3-upload-concurrency", together]

    def upload(self, folder: Path) -> None:
        """See ``System.upload``."""
        self._copy(str(folder), "sealed:")

    def download(self, out: Path) -> None:
        """See ``System.download``."""
        self._copy("sealed:", str(out))

    def _copy(self, source: str, sink: str) -> None:
        run(["rclone", "copy", source, sink, "--retries", "1", *self._options], self._env)

    def close(self) -> None:
        """See ``System.close``."""


def _obscured(password: str) -> str:
    return run(["rclone", "obscure", password], {}).strip()


def _rclone_s3(_at: Running, url: StoreUrl) -> dict[str, str]:
    return {
        "type": "s3",
        "provider": "Other",
        "env_auth": "true",
        "endpoint": url.options["endpoint"],
        "region": url.options["region"],
        "no_check_bucket": "true",
    }


def _rclone_sftp(_at: Running, url: StoreUrl) -> dict[str, str]:
    return {
        "type": "sftp",
        "host": url.host,
        "port": str(url.port),
        "user": url.user or "",
        "key_file": url.options["key"],
        "known_hosts_file": url.options["known_hosts"],
        "disable_hashcheck": "true",
    }


def _rclone_ftp(at: Running, url: StoreUrl) -> dict[str, str]:
    return {
        "type": "ftp",
        "host": url.host,
        "port": str(url.port),
        "user": url.user or "",
        "pass": _obscured(at.secrets[0]),
        "explicit_tls": str(url.scheme == "ftps").lower(),
        "no_check_certificate": "true",
    }


_REMOTES: Mapping[str, Callable[[Running, StoreUrl], dict[str, str]]] = {
    "file": lambda _at, _url: {"type": "local"},
    "s3": _rclone_s3,
    "sftp": _rclone_sftp,
    "ftp": _rclone_ftp,
    "ftps": _rclone_ftp,
}


class AgeAws:
    """Each file through ``age``, so many at once, then ``aws s3 cp --recursive``; back the other way round."""

    name = "age + aws s3 cp"

    def __init__(self, at: Running, connections: int, scratch: Path) -> None:
        url = parse_url(at.url)
        self._remote = f"s3://{url.host}{url.path}"
        self._connections = connections
        self._sealed = scratch / "sealed"
        self._identity = scratch / "identity"
        run(["age-keygen", "-o", self._identity], {})
        self._recipient = run(["age-keygen", "-y", self._identity], {}).strip()
        config = scratch / "aws"
        config.write_text(
            f"[default]\nregion = {url.options['region']}\ns3 =\n  max_concurrent_requests = {connections}\n"
        )
        self._env = {**at.env, "AWS_CONFIG_FILE": str(config)}
        self._copy = ["aws", "--endpoint-url", url.options["endpoint"], "s3", "cp", "--recursive", "--only-show-errors"]
        self._news = News()

    def upload(self, folder: Path) -> None:
        """See ``System.upload``."""
        self._sealed.mkdir()

        def seal(path: Path) -> None:
            run(["age", "-r", self._recipient, "-o", self._sealed / f"{path.name}.age", path], {})

        with ThreadPoolExecutor(self._connections) as pool:
            for _ in pool.map(seal, self._news.of(folder)):
                pass
        run([*self._copy, self._sealed, self._remote], self._env)
        shutil.rmtree(self._sealed)

    def download(self, out: Path) -> None:
        """See ``System.download``."""
        out.mkdir()
        run([*self._copy, self._remote, self._sealed], self._env)

        def opened(path: Path) -> None:
            run(["age", "-d", "-i", self._identity, "-o", out / path.stem, path], {})

        with ThreadPoolExecutor(self._connections) as pool:
            for _ in pool.map(opened, self._sealed.iterdir()):
                pass
        shutil.rmtree(self._sealed)

    def close(self) -> None:
        """See ``System.close``."""


@dataclass(frozen=True)
class Peer:
    """A system, the programs that it takes, how to get them, and the schemes of the stores that it can use."""

    name: str
    start: Callable[[Running, int, Path], System]
    programs: tuple[str, ...]
    get: str
    schemes: frozenset[str]

    def lacks(self, at: Running) -> str | None:
        """Why it cannot be measured at ``at``; ``None`` if it can."""
        missing = [program for program in self.programs if shutil.which(program) is None]
        if missing:
            return f"not installed: {self.get}"
        scheme = parse_url(at.url).scheme
        return None if scheme in self.schemes else f"stores nothing at {scheme}://"

    def version(self) -> str:
        """As its programs say."""
        asked = (run([program, *_VERSION.get(program, ["--version"])], {}) for program in self.programs[:2])
        return ", ".join(told.splitlines()[0] for told in asked)


_VERSION: Mapping[str, list[str]] = {"restic": ["version"], "rclone": ["version"]}
PEERS = (
    Peer("restic", Restic, ("restic",), "install restic (Debian: restic)", frozenset({"file", "s3", "sftp"})),
    Peer("rclone crypt", RcloneCrypt, ("rclone",), "install rclone (Debian: rclone)", frozenset(_REMOTES)),
    Peer(
        "age + aws s3 cp",
        AgeAws,
        ("age", "aws", "age-keygen"),
        "install age and the AWS command line (Debian: age, awscli)",
        frozenset({"s3"}),
    ),
)
