"""Tests of the journal of small files."""
