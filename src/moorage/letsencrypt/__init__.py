"""Certificates by ACME (RFC 8555), challenge http-01. Reading order: `certificates` (what the launcher uses), `bundle`
(the file that is served), `cache` (the folder), `authority` (speaks ACME), `responder` (what the authority asks), and
`renewing` (the process that renews).

Only `authority` and `problems` import the library `acme`, and they are imported when there is something to ask.
"""

from __future__ import annotations

from moorage.letsencrypt.certificates import LETS_ENCRYPT, Certificates
from moorage.letsencrypt.errors import CertificateError

__all__ = ["LETS_ENCRYPT", "CertificateError", "Certificates"]
