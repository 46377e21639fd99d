"""Certificates by ACME (RFC 8555), challenge http-01.

Reading order: `certificates` (what the launcher uses), `bundle` (the file that is served), `cache` (the folder), `authority`
(the ACME client), `responder` (answers the authority's challenges), and `renewing` (the process that renews).

Only `authority` and `problems` import the library `acme`, and they are imported only to ask for a certificate.
"""

from __future__ import annotations

from moorage.letsencrypt.certificates import LETS_ENCRYPT, Certificates
from moorage.letsencrypt.errors import CertificateError

__all__ = ["LETS_ENCRYPT", "CertificateError", "Certificates"]
