"""SFTP on a real OpenSSH sshd, on an unprivileged port, with a host key and a user key of its own."""

from __future__ import annotations

import getpass
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.servers.running import LOOPBACK, Running, free_ports, port_answers, program, server_process, wait_until


@contextmanager
def openssh(folder: Path, listen: str = LOOPBACK) -> Iterator[Running]:
    """A store URL (with key and known_hosts) on an sshd whose files lie in ``folder``; 0.1 s."""
    sshd = program("sshd", feature="sftp", get="install OpenSSH's server (Debian: openssh-server)")
    folder.mkdir(parents=True, mode=0o700, exist_ok=True)
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
    for name in ("host_key", "user_key"):
        if not (folder / name).exists():
            subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / name)], check=True)
    (folder / "authorized_keys").write_bytes((folder / "user_key.pub").read_bytes())
    (folder / "authorized_keys").chmod(0o600)
    port = free_ports(1)[0]
    (folder / "sshd_config").write_text(
        f"""Port {port}
ListenAddress {listen}
HostKey {folder / "host_key"}
AuthorizedKeysFile {folder / "authorized_keys"}
PidFile {folder / "pid"}
UsePAM no
StrictModes no
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin prohibit-password
MaxStartups 100
Subsystem sftp internal-sftp
"""
    )
    kind, key, *_ = (folder / "host_key.pub").read_text().split()
    (folder / "known_hosts").write_text(f"[{LOOPBACK}]:{port} {kind} {key}\n")
    root = folder / "blocks"
    root.mkdir(exist_ok=True)
    options = f"key={folder / 'user_key'}&known_hosts={folder / 'known_hosts'}"
    with server_process([sshd, "-D", "-e", "-f", str(folder / "sshd_config")], folder / "log"):
        wait_until(lambda: port_answers(listen, port), 10, "sshd", folder / "log")
        yield Running(
            f"sftp://{getpass.getuser()}@{LOOPBACK}:{port}{root}?{options}",
            {"SSH_AUTH_SOCK": ""},
            root=root,
            secrets=tuple((folder / "user_key").read_text().splitlines()[1:-1]),
            ports=(port,),
        )
