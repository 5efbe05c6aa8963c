"""The tag issuer's own server."""
