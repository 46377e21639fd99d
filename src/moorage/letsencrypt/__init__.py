"""Certificates by ACME (RFC 8555), challenge http-01.

Read `certificates` first.

The launcher's side
    certificates  what the launcher uses
    process       the process that renews, as the launcher sees it
    hosts         names that a certificate can be for

The folder
    cache         its files
    bundle        the file that is served
    account       the key of the account at the authority
    refusal       remembers that the authority refused

Asking
    authority     the ACME client
    problems      what went wrong there, in one line
    responder     answers the authority's challenges
    challenge     what it answers
    renewing      the process that renews
    schedule      when it looks again

Support
    errors        what can go wrong on the way to a certificate

Only `authority` and `problems` import the library `acme`, and they are imported only to ask for a certificate.
"""

from __future__ import annotations

from moorage.letsencrypt.certificates import LETS_ENCRYPT, Certificates
from moorage.letsencrypt.errors import CertificateError

__all__ = ["LETS_ENCRYPT", "CertificateError", "Certificates"]
