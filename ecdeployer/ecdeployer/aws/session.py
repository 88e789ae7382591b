"""The connection to AWS that is handed to every function of this room."""

import functools
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from . import calls
from .errors import AWSError, translate

if TYPE_CHECKING:
    from mypy_boto3_cloudwatch import CloudWatchClient
    from mypy_boto3_ec2 import EC2Client
    from mypy_boto3_iam import IAMClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_ssm import SSMClient
    from mypy_boto3_sts import STSClient

Answer = TypeVar("Answer")

#: Seconds. A worker's task must end long before its time limit, so that a silent AWS costs a retry of the
#: task and not the worker. RunInstances itself answers within a few seconds.
CONFIG = Config(
    connect_timeout=5,
    read_timeout=20,
    retries={"mode": "standard", "total_max_attempts": 3},
    user_agent_extra="ecdeployer",
)
#: Where a person waits for the answer.
QUICK = CONFIG.merge(Config(connect_timeout=2, read_timeout=2, retries={"total_max_attempts": 1}))
_ENCODED = "Encoded authorization failure message:"


class AWS:
    """Clients, made when first asked for. One object may be used by many threads."""

    def __init__(self, region: str, endpoint_url: str | None = None) -> None:
        self.region = region
        self.endpoint_url = endpoint_url
        self._lock = threading.RLock()
        self._clients: dict[tuple[str, Config], Any] = {}
        self._session: boto3.session.Session | None = None

    @property
    def ec2(self) -> "EC2Client":
        client: EC2Client = self._client("ec2")
        return client

    @property
    def ssm(self) -> "SSMClient":
        client: SSMClient = self._client("ssm")
        return client

    @property
    def iam(self) -> "IAMClient":
        client: IAMClient = self._client("iam")
        return client

    @property
    def s3(self) -> "S3Client":
        client: S3Client = self._client("s3")
        return client

    @property
    def quick_s3(self) -> "S3Client":
        client: S3Client = self._client("s3", QUICK)
        return client

    @property
    def cloudwatch(self) -> "CloudWatchClient":
        client: CloudWatchClient = self._client("cloudwatch")
        return client

    @property
    def sts(self) -> "STSClient":
        client: STSClient = self._client("sts")
        return client

    @property
    def partition(self) -> str:
        """``aws``, ``aws-cn`` and so on: the second part of every ARN."""
        return self.ec2.meta.partition

    def ask(self, call: Callable[[], Answer]) -> Answer:
        """What ``call`` answers; raises AWSError.

        ``call`` takes its client from this object each time it runs, because credentials that have expired
        are read anew, once, and the call is repeated.
        """
        try:
            return self._translated(call)
        except AWSError as error:
            if error.code not in {"ExpiredToken", "ExpiredTokenException"}:
                raise
        self._forget_credentials()
        return self._translated(call)

    def _translated(self, call: Callable[[], Answer]) -> Answer:
        try:
            return call()
        except (ClientError, BotoCoreError) as error:
            # "from None": botocore's message may quote a secret value, and tracebacks are logged.
            translated = translate(error)
        self._decode(translated)
        raise translated from None

    def _decode(self, error: AWSError) -> None:
        """EC2 encodes the reason of a refusal; only those with a permission may read it."""
        before, mark, encoded = error.operator.partition(_ENCODED)
        if not mark:
            return
        encoded = encoded.split()[0] if encoded.split() else ""
        error.message = error.message.partition(_ENCODED)[0].strip()
        try:
            decoded = self.sts.decode_authorization_message(EncodedMessage=encoded)["DecodedMessage"]
        except (ClientError, BotoCoreError) as refusal:
            decoded = f"(not decoded: {translate(refusal).code}) {encoded}"
        error.operator = before + decoded

    def _forget_credentials(self) -> None:
        with self._lock:
            self._session = None
            self._clients = {}

    def _client(self, service: str, config: Config = CONFIG) -> Any:
        # Making a client from a session is not thread-safe; using one is.
        with self._lock:
            if (service, config) not in self._clients:
                if self._session is None:
                    self._session = boto3.session.Session(region_name=self.region)
                client = self._session.client(  # type: ignore[call-overload]
                    service, endpoint_url=self.endpoint_url, config=config
                )
                calls.count(client)
                self._clients[service, config] = client
            return self._clients[service, config]


@functools.cache
def connect(region: str, endpoint_url: str | None = None) -> AWS:
    """The one connection of this process to that region."""
    return AWS(region, endpoint_url)
