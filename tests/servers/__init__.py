"""Real servers on loopback, started by tests, benchmarks and the end-to-end story as context managers."""
