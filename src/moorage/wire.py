"""JSON on the wire. Digests, names and tags are subclasses of `str`, encoded as plain strings."""

from __future__ import annotations

import msgspec

encode = msgspec.json.Encoder(enc_hook=str).encode
