#!/usr/bin/env python3
"""Ends with status 0 if the server on this container's port says that it can work: ``healthy.py PORT``."""

import sys

import httpx

# it asks itself: no other certificate can be there
answer = httpx.get(f"https://127.0.0.1:{int(sys.argv[1])}/healthz", verify=False, trust_env=False)  # noqa: S501
sys.exit(0 if answer.is_success else 1)
