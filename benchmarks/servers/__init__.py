"""Real servers on loopback, started by benchmarks and tests as context managers."""
