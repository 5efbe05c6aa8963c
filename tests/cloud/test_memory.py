"""Uploads and downloads stream: a large block takes no more memory than a small one."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cloud.backends import Servers

SIZE = 256 << 20
LIMIT = 200 << 20
ROOT = Path(__file__).parents[2]

_THERE_AND_BACK = """
import io, sys
from cloud.open import open_store
class Zeros(io.BytesIO):
    def __init__(self, size): self.size, self.position = size, 0
    def seek(self, offset, whence=0):
        self.position = offset + (0, self.position, self.size)[whence]
        return self.position
    def tell(self): return self.position
    def read(self, length=-1):
        left = self.size - self.position
        data = bytes(min(left, length) if length >= 0 else left)
        self.position += len(data)
        return data
class Count(io.BytesIO):
    count = 0
    def write(self, data):
        self.count += len(data)
        return len(data)
url, size = sys.argv[1], int(sys.argv[2])
store = open_store(url)
store.put("ab" * 32, Zeros(size))
sink = Count()
assert store.get("ab" * 32, sink) == sink.count == size
print(next(line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM")))
"""


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["folder", "s3-seaweedfs", "ftp-vsftpd", "ftps-vsftpd", "sftp-openssh"])
def test_256_mib_in_flat_memory(backend: str, servers: Servers) -> None:
    running = servers.fresh(backend)
    done = subprocess.run(
        [sys.executable, "-c", _THERE_AND_BACK, running.url, str(SIZE)],
        env={**os.environ, **running.env},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert int(done.stdout) * 1024 < LIMIT
