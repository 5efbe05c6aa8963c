"""The hospital's server: ledger, blocks, letters, key cards, links and joining over HTTP; reads no record."""
