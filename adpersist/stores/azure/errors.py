"""What the table service's answers, and its silence, mean to us.

Status and error codes as in [Table service error codes] and [Azure Cosmos DB for Table: HTTP status codes]; which of
the SDK's exceptions stands for what was measured against azure-data-tables 12.7 and azure-core 1.41.
"""

import re
import time
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Final

from azure.core.exceptions import (
    AzureError,
    ClientAuthenticationError,
    HttpResponseError,
    ServiceRequestError,
    ServiceRequestTimeoutError,
)
from urllib3.exceptions import ConnectTimeoutError, NewConnectionError

from adpersist.errors import (
    WHERE_TO_LOOK,
    AdpersistError,
    CredentialRefusedError,
    FencedError,
    LimitError,
    NoJournalError,
    OutcomeUnknownError,
    StoreError,
    StoreFullError,
    StoreReadOnlyError,
    StoreUnreachableError,
    ThrottledError,
)

SKEW_S: Final = 300.0
"""The services refuse a signature dated 15 minutes off; below five the clock is not to blame."""

_NO_LINE: Final = (NewConnectionError, ConnectTimeoutError)
_NO_WRITE: Final = frozenset(
    {"AuthorizationPermissionMismatch", "AuthorizationResourceTypeMismatch", "InsufficientAccountPermissions"}
)
_TOO_LARGE: Final = frozenset({"EntityTooLarge", "RequestBodyTooLarge", "PropertyValueTooLarge"})


def typed(error: Exception, *, writing: bool, location: str) -> AdpersistError:
    """Our error for the SDK's.

    Args:
        error: What the SDK raised: an ``AzureError``, or what slips through it from below.
        writing: The request would have changed something, so that silence leaves its outcome unknown.
        location: The store's, for the message.
    """
    if isinstance(error, HttpResponseError) and error.status_code:
        return _answered(error, error.status_code, writing=writing, location=location)
    if isinstance(error, ClientAuthenticationError):
        return CredentialRefusedError(f"no credential for {location}: {_first_line(error)}", hint=_CREDENTIAL_HINT)
    said = f"{location} did not answer: {_transport_text(error)}"
    if writing and not never_sent(error):
        return OutcomeUnknownError(said, hint=_LINE_HINT)
    return StoreUnreachableError(said, hint=_LINE_HINT)


def never_sent(error: Exception) -> bool:
    """The request cannot have reached the service: there was no connection to send it on.

    ``ServiceRequestError`` alone does not prove it: azure-core raises it for every ``ConnectionError`` of requests
    but an aborted one, a TLS failure in the middle of an answer included.
    """
    if isinstance(error, ServiceRequestTimeoutError):
        return True
    if not isinstance(error, ServiceRequestError):
        return False
    inner = error.inner_exception
    wrapped = getattr(inner.args[0], "reason", None) if inner is not None and inner.args else None
    return isinstance(inner, _NO_LINE) or isinstance(wrapped, _NO_LINE)


def code_of(error: HttpResponseError) -> str:
    """The service's error code; empty when there is none.

    The SDK decodes it for most calls, but not for ``create_entity``: there it has to be found in header or body.
    """
    decoded = getattr(error, "error_code", None)
    if decoded:
        return str(getattr(decoded, "value", decoded))
    found = re.search(r"<(?:\w+:)?code>(\w+)<|\"code\"\s*:\s*\"(\w+)\"", str(error), re.IGNORECASE)
    return _header(error, "x-ms-error-code") or (found and (found[1] or found[2])) or ""


def _answered(error: HttpResponseError, status: int, *, writing: bool, location: str) -> AdpersistError:
    code = code_of(error)
    said = f"{location}: {_first_line(error)}"
    meaning: AdpersistError
    match status:
        case 400 | 413 if status == 413 or code in _TOO_LARGE:
            meaning = LimitError(f"{location} found the request too large: {code or status}")
        case 401:
            meaning = _refused(error, location)
        case 403:
            meaning = _forbidden(error, code, writing=writing, location=location)
        case 404 if code == "TableNotFound":
            meaning = NoJournalError(f"there is no table for {location}", hint=WHERE_TO_LOOK)
        case 404:
            meaning = NoJournalError(f"{location} holds no such journal", hint=WHERE_TO_LOOK)
        case 409 if code == "TableBeingDeleted":
            meaning = StoreUnreachableError(f"the table of {location} is being deleted", hint="Wait a minute.")
        case 412:
            meaning = FencedError(f"the head of {location} is no longer the one that was read")
        case 429:
            meaning = ThrottledError(f"{location} is throttling us", retry_after_s=_retry_after_s(error))
        case 503 if code == "ServerBusy" or not writing:
            meaning = ThrottledError(f"{location} is busy", retry_after_s=_retry_after_s(error))
        case _ if status < 400 or status in (408, 449) or status >= 500:
            # somebody in between, an answer cut short, a time-out inside the service: it may have happened
            meaning = OutcomeUnknownError(said) if writing else StoreUnreachableError(said)
        case _:
            meaning = StoreError(said, hint="adpersist and the service disagree; the error code says about what.")
    return meaning


def _forbidden(error: HttpResponseError, code: str, *, writing: bool, location: str) -> AdpersistError:
    if "reached maximum size" in str(error.message):  # a logical partition of Cosmos DB holds 20 GB
        return StoreFullError(f"the journal's partition in {location} is full", hint="Prune the journal.")
    if writing and code in _NO_WRITE:
        return StoreReadOnlyError(
            f"the credential may not write to {location} ({code})",
            hint="It needs the role Storage Table Data Contributor, or a SAS of the account with raud.",
        )
    return _refused(error, location)


def _refused(error: HttpResponseError, location: str) -> CredentialRefusedError:
    code = code_of(error) or error.status_code
    skew_s = _skew_s(error)
    if abs(skew_s) > SKEW_S:
        return CredentialRefusedError(
            f"{location} refused the credential ({code})",
            hint=f"This machine's clock is {abs(skew_s):.0f} s {'behind' if skew_s > 0 else 'ahead'}: set it.",
        )
    return CredentialRefusedError(f"{location} refused the credential ({code})", hint=_CREDENTIAL_HINT)


def _skew_s(error: HttpResponseError) -> float:
    """How far the service's clock is ahead of ours, in seconds."""
    said = _header(error, "Date")
    try:
        return parsedate_to_datetime(said).replace(tzinfo=UTC).timestamp() - time.time()
    except (ValueError, TypeError):
        return 0.0


def _retry_after_s(error: HttpResponseError) -> float | None:
    """Azure says it in seconds; Cosmos DB in milliseconds, in a header of its own, or not at all."""
    for name, unit_s in (("x-ms-retry-after-ms", 0.001), ("retry-after-ms", 0.001), ("Retry-After", 1.0)):
        said = _header(error, name)
        if re.fullmatch(r"\d+(\.\d+)?", said):
            return float(said) * unit_s
    return None


def _header(error: HttpResponseError, name: str) -> str:
    headers = getattr(error.response, "headers", None)
    return str(headers.get(name) or "") if headers is not None else ""


def _first_line(error: AzureError) -> str:
    return str(error.message).partition("\n")[0][:200]


def _transport_text(error: Exception) -> str:
    """Without the URL, in which a shared access signature would stand."""
    text = re.sub(r"https?://\S+|/\S*\?\S*", "…", str(error))
    found = re.search(
        r"Connection refused|timed out|Name or service not known|CERTIFICATE_VERIFY_FAILED|reset by peer", text
    )
    return found[0] if found else type(error).__name__


_CREDENTIAL_HINT: Final = (
    "It may have expired or been revoked; renew it. Credentials come from ADPERSIST_AZURE_SAS, "
    "ADPERSIST_AZURE_ACCOUNT_KEY or ADPERSIST_AZURE_CONNECTION_STRING, each also with _FILE, or from the environment's "
    "identity (az login, managed identity)."
)
_LINE_HINT: Final = "Check the network, the proxy and the store URL."
