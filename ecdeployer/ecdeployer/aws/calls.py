"""How often AWS was asked, and what it said: by operation and code, for the operator's metrics."""

from typing import Any

from botocore.client import BaseClient
from botocore.model import OperationModel
from prometheus_client import Counter

from .errors import RULES

CALLS = Counter("ecdeployer_aws_calls", "Calls to AWS.", ["operation", "code"], registry=None)


def count(client: BaseClient) -> None:
    """Every call of this client from now on. One that botocore repeats by itself counts once."""
    client.meta.events.register("after-call", _answered)
    client.meta.events.register("after-call-error", _unanswered)


def _answered(model: OperationModel, parsed: dict[str, Any], http_response: Any, **_: Any) -> None:
    failed = http_response.status_code >= 300
    code = parsed.get("Error", {}).get("Code", "") if failed else "ok"
    CALLS.labels(model.name, code if code in RULES or not failed else "other").inc()


def _unanswered(event_name: str, exception: Exception, **_: Any) -> None:
    """``after-call-error.ec2.RunInstances``."""
    CALLS.labels(event_name.rpartition(".")[2], "no answer").inc()
