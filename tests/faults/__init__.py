"""Faults, loads and bad input against a whole registry: real processes, real sockets, nothing patched.

Everything here is black box. The registry under test is a parameter: MOORAGE_TEST_REGISTRY=reference runs
the same scripts against the reference implementation, which shows what they find there. MOORAGE_TEST_SEED
repeats a run that printed its seed.

Read first: target.py (what is started), client.py and images.py (what is said to it).
"""
