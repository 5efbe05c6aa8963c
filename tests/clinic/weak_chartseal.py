"""The command with cheap passwords, in a process of its own: ``python -m tests.clinic.weak_chartseal ARGS``."""

import sys

from clinic.cli import session
from clinic.cli.main import main
from scheme import keyfile

session.PASSWORD_PROFILE = keyfile.TEST

if __name__ == "__main__":
    sys.exit(main())
