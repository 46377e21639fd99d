"""Errors of an authority, the network or the library `acme`, in one line for the operator. Imported only when needed."""

from __future__ import annotations

from acme import errors, messages
from requests import exceptions

from moorage.letsencrypt.errors import CertificateError

_ADVICE = {
    "connection": "port 80 of this name must lead here: look at firewall, port mapping and DNS",
    "dns": "have DNS lead this name to here (A, AAAA)",
    "dnssec": "repair DNSSEC of the domain",
    "unknownHost": "have DNS lead this name to here (A, AAAA)",
    "unauthorized": "something else answers on port 80 of this name: look at DNS (A, AAAA) and at proxies",
    "incorrectResponse": "something else answers on port 80 of this name: look at DNS (A, AAAA) and at proxies",
    "caa": "allow this authority in the CAA records of the domain",
    "rejectedIdentifier": "remove it from http.tls.letsencrypt.hosts, or choose another directoryurl",
    "externalAccountRequired": "accounts that are opened elsewhere are not supported; choose another directoryurl",
    "invalidContact": "change http.tls.letsencrypt.email",
    "unsupportedContact": "change http.tls.letsencrypt.email",
    "invalidEmail": "change http.tls.letsencrypt.email",
    "accountDoesNotExist": "remove acme_account+key from http.tls.letsencrypt.cachefile",
    "userActionRequired": "agree where it says, or remove acme_account+key from http.tls.letsencrypt.cachefile to open "
    "another account",
}


def refused(problem: messages.Error, host: str = "") -> str:
    """A problem document (RFC 7807) and its subproblems in words, each with the host that it is about, and what to do."""
    about = problem.identifier.value if problem.identifier else host
    said = problem.detail or problem.title or problem.description or "gives no reason"
    parts = [f"{about}: {said}" if about else said]
    parts += [refused(inner) for inner in problem.subproblems or ()]
    advice = _ADVICE.get(str(problem.typ).rpartition(":")[2])
    return "; ".join([*parts, advice] if advice else parts)


def describe(error: Exception, url: str, wait: float) -> CertificateError:
    """The CertificateError for anything that asking the authority at `url` can raise. `wait`: its Retry-After in seconds."""
    if isinstance(error, messages.Error):
        return CertificateError(f"{url} refuses: {refused(error)}", asked=True, wait=wait)
    if isinstance(error, errors.Error):
        return CertificateError(
            f"{url} does not speak ACME as expected: {_library(error)}", asked=True, wait=wait
        )
    if isinstance(error, exceptions.SSLError):
        return CertificateError(
            f"cannot trust {url}: {_innermost(error)}; name the CA that signed for it in SSL_CERT_FILE"
        )
    if isinstance(error, exceptions.Timeout):
        return CertificateError(f"{url} does not answer in time")
    if isinstance(error, exceptions.ConnectionError):
        return CertificateError(f"cannot reach {url}: {_innermost(error)}")
    if isinstance(error, OSError) and not isinstance(error, ValueError):
        return CertificateError(f"cannot ask {url}: {error}")
    return CertificateError(f"{url} does not speak ACME as expected: {error}", asked=True, wait=wait)


def _library(error: errors.Error) -> str:
    """The text of an error of `acme`. A ClientError often holds only the response."""
    response = error.args[0] if error.args else None
    status = getattr(response, "status_code", None)
    return f"HTTP status {status}" if status else str(error) or type(error).__name__


def _innermost(error: BaseException) -> str:
    """The system's message, which requests and urllib3 wrap several times."""
    while inner := error.__cause__ or error.__context__:
        error = inner
    return str(getattr(error, "strerror", None) or error)
