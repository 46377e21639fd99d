"""What happened, told to whoever wants to know: events, the queue that keeps them, their delivery to endpoints.

Read `base` first: the values, and what a sink promises. Then `queue` (kept), `publisher` (in), `delivery` and `sending` (out).
"""
