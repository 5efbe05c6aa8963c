"""Stores of opaque blocks in somebody else's cloud: one protocol, several backends, wrappers around any of them."""
