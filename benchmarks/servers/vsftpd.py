"""FTP and FTPS on vsftpd from Debian, without a system user: anonymous login with a password from a list.

It runs as the user who starts it and does not change its root, so the URL has the whole path.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.servers.certificate import make_certificate, write_netrc
from benchmarks.servers.running import LOOPBACK, Running, free_ports, port_answers, program, server_process, wait_until

USER = "anonymous"
PASSWORD = "vsftpd-password-of-the-tests"  # noqa: S105 - of a server on loopback


@contextmanager
def vsftpd(folder: Path, *, tls: bool, listen: str = LOOPBACK) -> Iterator[Running]:
    """A store URL on a server whose files lie in ``folder``; with TLS it insists on session reuse, its default."""
    server = program("vsftpd", feature="ftp", get="install vsftpd (Debian: vsftpd)")
    root = folder / "root"
    root.mkdir(parents=True, exist_ok=True)
    (folder / "secure_chroot").mkdir(exist_ok=True)
    (folder / "passwords").write_text(f"{PASSWORD}\n")
    control = free_ports(1)[0]
    passive = _passive_range()
    settings: dict[str, object] = {
        "listen": "YES",
        "background": "NO",
        "listen_address": listen,
        "listen_port": control,
        "pasv_min_port": passive[0],
        "pasv_max_port": passive[-1],
        "pasv_promiscuous": "YES",
        "run_as_launching_user": "YES",
        "seccomp_sandbox": "NO",
        "anonymous_enable": "YES",
        "local_enable": "NO",
        "secure_email_list_enable": "YES",
        "email_password_file": folder / "passwords",
        "anon_root": root,
        "allow_writeable_chroot": "YES",
        "secure_chroot_dir": folder / "secure_chroot",
        "write_enable": "YES",
        "anon_upload_enable": "YES",
        "anon_mkdir_write_enable": "YES",
        "anon_other_write_enable": "YES",
        "anon_world_readable_only": "NO",
        "anon_umask": "077",
        "xferlog_enable": "NO",
    }
    option = ""
    if tls:
        cert_file, key_file = make_certificate(folder)
        settings |= {
            "ssl_enable": "YES",
            "allow_anon_ssl": "YES",
            "force_anon_logins_ssl": "YES",
            "force_anon_data_ssl": "YES",
            "require_ssl_reuse": "YES",
            "ssl_ciphers": "HIGH",
            "rsa_cert_file": cert_file,
            "rsa_private_key_file": key_file,
        }
        option = f"?ca={cert_file}"
    config = folder / "vsftpd.conf"
    config.write_text("".join(f"{name}={value}\n" for name, value in settings.items()))
    with server_process([server, str(config)], folder / "log"):
        wait_until(lambda: port_answers(listen, control), 10, "vsftpd", folder / "log")
        yield Running(
            f"{'ftps' if tls else 'ftp'}://{USER}@{LOOPBACK}:{control}{root}/clinic{option}",
            {"NETRC": str(write_netrc(folder, USER, PASSWORD))},
            root=root / "clinic",
            secrets=(PASSWORD,),
            ports=(control, *passive),
        )


def _passive_range() -> list[int]:
    """Sixteen ports in a row, below those that the system hands out."""
    start = 20_000 + (free_ports(1)[0] % 600) * 16
    return list(range(start, start + 16))
