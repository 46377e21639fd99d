"""Error reporting: what arrives at services of the test's own, and what never does."""
