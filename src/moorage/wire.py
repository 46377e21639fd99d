"""JSON on the wire. Digests, names and tags are texts of their own kinds, written as the texts that they are."""

from __future__ import annotations

import msgspec

encode = msgspec.json.Encoder(enc_hook=str).encode
