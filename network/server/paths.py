"""The parameters of paths, each with its strict pattern: ids, digests and counts, and nothing else."""

from __future__ import annotations

from typing import Annotated

from fastapi import Path

from network import wire

Locator = Annotated[str, Path(pattern=wire.DIGEST_PATTERN, description="SHA-256 of the block's header.json")]
Commitment = Annotated[str, Path(pattern=wire.DIGEST_PATTERN, description="the card's commitment on the ledger")]
MemberId = Annotated[str, Path(pattern=wire.ID_PATTERN, description="a member's id")]
LetterId = Annotated[str, Path(pattern=wire.LETTER_PATTERN, max_length=200, description="the letter's id")]
Version = Annotated[int, Path(ge=1, le=2**31 - 1, description="the card's version")]
