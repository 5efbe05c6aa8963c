"""The proxy's own server."""
