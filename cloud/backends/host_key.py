"""SFTP host keys: fetched to be shown, pinned at ``init``, and compared at every connection after it."""

import base64
import binascii
import hashlib
from dataclasses import dataclass
from typing import Final

from cloud.errors import StoreMisconfigured

SSH_PORT: Final = 22


@dataclass(frozen=True)
class HostKey:
    """The public key of an SFTP server. ``public_key`` is the SSH wire form (RFC 4253, section 6.6)."""

    host: str
    port: int
    algorithm: str
    public_key: bytes

    @property
    def fingerprint(self) -> str:
        """As ``ssh-keygen -l`` shows it: ``SHA256:`` and 43 characters of base64."""
        digest = base64.b64encode(hashlib.sha256(self.public_key).digest()).decode()
        return f"SHA256:{digest.rstrip('=')}"

    def to_line(self) -> str:
        """One line of a known_hosts file: what is kept in the configuration as the pin."""
        return f"{known_hosts_name(self.host, self.port)} {self.algorithm} {base64.b64encode(self.public_key).decode()}"

    @classmethod
    def from_line(cls, line: str) -> "HostKey":
        """Parse ``to_line``'s form. Raises ``StoreMisconfigured``."""
        try:
            name, algorithm, encoded = line.split()
            host, port = name, SSH_PORT
            if name.startswith("["):
                host, _, digits = name[1:].partition("]:")
                port = int(digits)
            return cls(host, port, algorithm, base64.b64decode(encoded, validate=True))
        except (ValueError, binascii.Error):
            raise StoreMisconfigured("a pinned host key is one line of a known_hosts file: HOST TYPE BASE64") from None


def known_hosts_name(host: str, port: int) -> str:
    """The name under which a known_hosts file has a server."""
    return host if port == SSH_PORT else f"[{host}]:{port}"
