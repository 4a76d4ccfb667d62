"""Real servers for tests: each started by the tests themselves, on loopback, on a port of its own."""
