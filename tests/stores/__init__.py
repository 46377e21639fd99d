"""Whole servers over object stores."""
