"""What tests start beside ``benchmarks.servers``: PostgreSQL, and a proxy that cuts connections."""
