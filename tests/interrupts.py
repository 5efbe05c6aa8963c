"""Ctrl-C in tests that send it: also where the tests themselves were started in the background."""

import signal


def heeded() -> None:
    """For ``preexec_fn``: what a shell starts in the background ignores SIGINT, and so would the program under test."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
