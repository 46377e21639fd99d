"""Notifications about what happened: events, the queue that keeps them, and their delivery to endpoints.

Read `base` first: the values, and what a sink promises. Then `queue` (storage), `publisher` (in), `delivery` and `sending` (out).
"""
