"""The whole story on real histories, against real servers."""

import contextlib
import json
import os
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from benchmarks.servers.openssh import openssh
from benchmarks.servers.running import Running
from benchmarks.servers.seaweedfs import seaweedfs
from benchmarks.servers.vsftpd import vsftpd
from tests import needs

CHARTSEAL = Path(sys.executable).with_name("chartseal")
HISTORIES = 6
"""How many of the 60 real histories are played on each store; the smallest ones first."""


@contextlib.contextmanager
def _folder(folder: Path) -> Iterator[Running]:
    yield Running(f"file://{folder}/store", {})


STORES: dict[str, Callable[[Path], AbstractContextManager[Running]]] = {
    "file": _folder,
    "s3": seaweedfs,
    "ftps": lambda folder: vsftpd(folder, tls=True),
    "sftp": openssh,
}


@pytest.fixture
def histories(tmp_path: Path) -> Path:
    folder = tmp_path / "histories"
    folder.mkdir()
    with zipfile.ZipFile(needs.data("synthea_fhir_r4") / "patients.zip") as archive:
        smallest = sorted(archive.infolist(), key=lambda info: info.file_size)[:HISTORIES]
        for info in smallest:
            archive.extract(info, folder)
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("kind", STORES)
def test_demo(kind: str, histories: Path, tmp_path: Path) -> None:
    server_folder = tmp_path / "server"
    server_folder.mkdir()
    with needs.servers(), STORES[kind](server_folder) as running:
        run = subprocess.run(
            [CHARTSEAL, "demo", histories, "--store", running.url, "--json"],
            env=os.environ | dict(running.env),
            capture_output=True,
            text=True,
            timeout=280,
            check=False,
        )
    assert run.returncode == 0, run.stderr
    result = json.loads(run.stdout)
    assert result["held"] is True
    assert result["patients"] == HISTORIES
    assert result["failed"] == []
    assert not any(secret in run.stdout + run.stderr for secret in running.secrets)
