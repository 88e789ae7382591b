"""What AWS refuses, as one error with a stable kind, and the words for the two people who read it.

The table is one row for each code that the launch, the parameters and Run Command can meet. ``retryable``
says whether the very same request may be sent again later, with the same client token.
"""

import re
from dataclasses import dataclass
from typing import Literal

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    CredentialRetrievalError,
    HTTPClientError,
    NoCredentialsError,
    ParamValidationError,
    PartialCredentialsError,
    TokenRetrievalError,
)
from botocore.exceptions import ConnectionError as BotocoreConnectionError

Kind = Literal[
    "throttled",
    "capacity",
    "limit",
    "invalid",
    "denied",
    "credentials",
    "paused",
    "not-found",
    "mismatch",
    "unavailable",
]


class AWSError(Exception):
    """``person`` may be shown to anyone; ``operator`` names the call, AWS's own words and the request."""

    def __init__(
        self,
        *,
        code: str,
        message: str,
        retryable: bool = False,
        kind: Kind = "invalid",
        person: str = "",
        operator: str = "",
    ) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.retryable = retryable
        self.kind: Kind = kind
        self.person = person or message
        self.operator = operator or f"{code}: {message}"


@dataclass(frozen=True)
class Rule:
    kind: Kind
    person: str
    retryable: bool = False


_ASK_OPERATOR = "Ask the operator of this portal; the details are in its log."
THROTTLED = Rule("throttled", "AWS asks us to slow down. This is tried again by itself.", retryable=True)
CAPACITY = Rule("capacity", "AWS has no machine of this type free here at the moment.")
LIMIT = Rule(
    "limit", "The AWS account has reached its limit of machines. This waits for a place.", retryable=True
)
ADDRESSES = Rule(
    "limit", "The AWS account has no Elastic IP address left: its quota is used up.", retryable=True
)
INVALID = Rule("invalid", f"AWS refused the request. {_ASK_OPERATOR}")
KEY = Rule("denied", f"AWS does not let the portal use the key that encrypts environments. {_ASK_OPERATOR}")
DENIED = Rule("denied", f"The portal lacks a permission in the AWS account. {_ASK_OPERATOR}")
EXPIRED = Rule(
    "credentials", f"The portal has no valid AWS credentials at the moment. {_ASK_OPERATOR}", retryable=True
)
CREDENTIALS = Rule("credentials", f"AWS does not accept the portal's credentials. {_ASK_OPERATOR}")
PAUSED = Rule("paused", f"The AWS account is not ready to launch machines. {_ASK_OPERATOR}", retryable=True)
SETUP = Rule("paused", "The portal is not set up in the AWS account yet. Ask its operator.", retryable=True)
GONE = Rule("not-found", f"AWS does not know what was asked for. {_ASK_OPERATOR}")
PARAMETER = Rule("not-found", f"AWS does not have a parameter that the portal needs. {_ASK_OPERATOR}")
NO_AGENT = Rule(
    "not-found", "The machine's agent is not up yet. This is tried again by itself.", retryable=True
)
UNLISTED = Rule(
    "not-found", "AWS does not list the command yet. This is tried again by itself.", retryable=True
)
MISMATCH = Rule("mismatch", f"This launch was asked for before, with another result. {_ASK_OPERATOR}")
BUSY = Rule("unavailable", "AWS is not done with it yet. This is tried again by itself.", retryable=True)
UNAVAILABLE = Rule(
    "unavailable", "AWS does not answer at the moment. This is tried again by itself.", retryable=True
)

_CODES: dict[Rule, str] = {
    THROTTLED: """RequestLimitExceeded Throttling ThrottlingException ThrottledException EC2ThrottledException
        RequestThrottled RequestThrottledException TooManyRequestsException TooManyUpdates
        BandwidthLimitExceeded PriorRequestNotComplete ConcurrentModification""",
    CAPACITY: """InsufficientInstanceCapacity InsufficientCapacity InsufficientHostCapacity
        InsufficientReservedInstanceCapacity InsufficientFreeAddressesInSubnet Unsupported""",
    LIMIT: """VcpuLimitExceeded InstanceLimitExceeded VolumeLimitExceeded MaxIOPSLimitExceeded
        NetworkInterfaceLimitExceeded SnapshotLimitExceeded ParameterLimitExceeded LimitExceeded""",
    ADDRESSES: "AddressLimitExceeded InsufficientAddressCapacity",
    DENIED: "UnauthorizedOperation AccessDenied AccessDeniedException",
    KEY: "KMSAccessDeniedException InvalidKeyId KMSInvalidStateException DisabledException",
    EXPIRED: "ExpiredToken ExpiredTokenException RequestExpired",
    CREDENTIALS: """AuthFailure InvalidClientTokenId UnrecognizedClientException SignatureDoesNotMatch
        IncompleteSignature MissingAuthenticationToken""",
    PAUSED: "PendingVerification Blocked OptInRequired",
    GONE: """InvalidInstanceID.NotFound NoSuchEntity InvalidResourceId
        InvalidGroup.NotFound InvalidLaunchTemplateName.NotFoundException InvalidAllocationID.NotFound
        InvalidAddress.NotFound""",
    SETUP: "InvalidDocument InvalidDocumentVersion",
    PARAMETER: "ParameterNotFound ParameterVersionNotFound",
    NO_AGENT: "InvalidInstanceId",
    UNLISTED: "InvocationDoesNotExist",
    MISMATCH: "IdempotentParameterMismatch IdempotentInstanceTerminated",
    BUSY: "IncorrectInstanceState IncorrectState InvalidInstanceID InvalidIPAddress.InUse",
    UNAVAILABLE: """InternalError InternalFailure InternalServerError ServiceUnavailable Unavailable
        RequestTimeout RequestTimeoutException""",
}
RULES: dict[str, Rule] = {code: rule for rule, codes in _CODES.items() for code in codes.split()}
_CREDENTIAL_ERRORS = (NoCredentialsError, CredentialRetrievalError, TokenRetrievalError)
#: Nothing came back from AWS, so nobody knows whether the request was carried out.
_NO_ANSWER = (HTTPClientError, BotocoreConnectionError)


def rule_for(code: str, *, http_status: int = 400) -> Rule:
    """A code that is not in the table is a refusal for good, unless AWS itself broke (5xx)."""
    return RULES.get(code) or (UNAVAILABLE if http_status >= 500 else INVALID)


def translate(error: ClientError | BotoCoreError) -> AWSError:
    """The one place that reads botocore's errors."""
    if isinstance(error, ClientError):
        return _from_answer(error)
    if isinstance(error, _CREDENTIAL_ERRORS):
        rule = EXPIRED
    elif isinstance(error, PartialCredentialsError):
        rule = CREDENTIALS
    elif isinstance(error, _NO_ANSWER):
        rule = UNAVAILABLE
    else:
        rule = INVALID
    return _error(type(error).__name__, _without_values(error), rule)


def _from_answer(error: ClientError) -> AWSError:
    details = error.response.get("Error", {})
    metadata = error.response.get("ResponseMetadata", {})
    code = details.get("Code", "Unknown")
    message = _hide_quoted_value(details.get("Message", ""))
    rule = rule_for(code, http_status=metadata.get("HTTPStatusCode", 400))
    where = f"{error.operation_name}, request {metadata.get('RequestId', 'unknown')}"
    return _error(code, message, rule, where=where)


def _error(code: str, message: str, rule: Rule, *, where: str = "") -> AWSError:
    operator = f"{code}: {message}" + (f" ({where})" if where else "")
    return AWSError(
        code=code,
        message=message,
        retryable=rule.retryable,
        kind=rule.kind,
        person=rule.person,
        operator=operator,
    )


def _without_values(error: BotoCoreError) -> str:
    """botocore quotes the offending value, which may be a secret, in its report on arguments."""
    if not isinstance(error, ParamValidationError):
        return str(error)
    names = re.findall(r"parameter[: ]+\"?([\w.\[\]]+)", str(error))
    return f"wrong arguments: {', '.join(sorted(set(names)))}"


def _hide_quoted_value(message: str) -> str:
    """``1 validation error detected: Value 'hunter2' at 'value' failed to satisfy constraint``."""
    return re.sub(r"Value '.*' at '", "Value (hidden) at '", message, flags=re.DOTALL)
