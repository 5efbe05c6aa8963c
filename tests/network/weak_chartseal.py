"""The command with cheap passwords, in a process of its own: ``python -m tests.network.weak_chartseal ARGS``."""

import sys

from clinic.cli import session
from network.cli.main import main
from scheme import keyfile

session.PASSWORD_PROFILE = keyfile.TEST

if __name__ == "__main__":
    sys.exit(main())
