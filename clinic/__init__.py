"""The roles at work: enrolment, keystores, sealing, consent, proxies, reading, audit; and the command line.

A reader follows the main job by file names: ``enrolment -> intake -> sealing -> requests -> grants -> proxy ->
history -> export -> revocation``.
"""

__version__ = "0.1.0"
