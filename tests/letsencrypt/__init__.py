"""Certificates from a real certificate authority: Pebble, the small one of Let's Encrypt for tests."""
