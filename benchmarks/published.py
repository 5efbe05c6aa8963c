"""What others published of ledgers for medical records and the engines under them; nothing of it is measured here."""

from __future__ import annotations

CRASHES = "crashes only: whoever orders is believed"
BYZANTINE = "lies of less than a third, over a network"

Row = tuple[str, str, str]
"""System, figure, faults that it stands."""

ROWS: tuple[Row, ...] = (
    ("SPChain", "220 transactions/s", "not stated with the figure; consensus by reputation"),
    ("TRP-PBFT", "143 transactions/s, 342 ms each", BYZANTINE),
    ("Ethereum, private, proof of authority", "97 transactions/s; 21,000 gas a hash", "authorities are believed"),
    ("Hyperledger Fabric 2.5", "2,947 transactions/s", CRASHES),
    ("Besu QBFT, 4 validators", "750 to 1,200 transactions/s", BYZANTINE),
    ("CometBFT, 200 nodes", "400 transactions/s", BYZANTINE),
    ("needed by the health care of the United Kingdom", "about 347 transactions/s", "(no system)"),
)
