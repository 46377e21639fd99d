"""Conformance kits, one per interface: a factory in, a proven contract out."""
