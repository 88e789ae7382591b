import threading
from typing import Any
from urllib.parse import parse_qs

import pytest
from botocore.awsrequest import AWSResponse
from botocore.compat import HTTPHeaders
from botocore.exceptions import ReadTimeoutError
from ecdeployer.aws import ec2, sts
from ecdeployer.aws.errors import AWSError
from ecdeployer.aws.session import AWS, connect

from tests.aws_stubs import Stub

from .test_errors import LAUNCH

ANSWER = b"""<RunInstancesResponse><ownerId>123456789012</ownerId><instancesSet><item>
<instanceId>i-1</instanceId><instanceState><name>pending</name></instanceState>
</item></instancesSet></RunInstancesResponse>"""


class _Raw:
    def stream(self, *_: Any, **__: Any) -> list[bytes]:
        return [ANSWER]


def test_one_connection_for_a_region() -> None:
    assert connect("eu-west-1") is connect("eu-west-1")
    assert connect("eu-west-1") is not connect("eu-west-1", "http://127.0.0.1:5000")


def test_threads_share_one_client(aws: AWS) -> None:
    seen: list[Any] = []
    threads = [threading.Thread(target=lambda: seen.append(aws.sts)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({id(client) for client in seen}) == 1
    assert len(seen) == 8


def test_an_unread_answer_is_asked_for_again_with_the_same_token(
    aws: AWS, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("botocore.endpoint.time.sleep", lambda _: None)
    bodies: list[dict[str, list[str]]] = []

    def send(request: Any, **_: Any) -> Any:
        bodies.append(parse_qs(request.body))
        if len(bodies) == 1:
            raise ReadTimeoutError(endpoint_url=request.url)
        return AWSResponse(request.url, 200, HTTPHeaders(), _Raw())

    aws.ec2.meta.events.register("before-send.ec2.RunInstances", send)
    assert ec2.run_instance(aws, LAUNCH).ec2_id == "i-1"
    assert [body["ClientToken"] for body in bodies] == [["token"], ["token"]]
    assert bodies[0] == bodies[1]
    assert bodies[0]["UserData"] == ["I2Nsb3VkLWNvbmZpZw=="]


def test_capacity_is_not_asked_for_again(aws: AWS) -> None:
    requests: list[Any] = []

    def send(request: Any, **_: Any) -> Any:
        requests.append(request)
        body = (
            b"<Response><Errors><Error><Code>InsufficientInstanceCapacity</Code></Error></Errors></Response>"
        )
        raw = _Raw()
        raw.stream = lambda *_, **__: [body]  # type: ignore[method-assign]
        return AWSResponse(request.url, 400, HTTPHeaders(), raw)

    aws.ec2.meta.events.register("before-send.ec2.RunInstances", send)
    with pytest.raises(AWSError, match="InsufficientInstanceCapacity"):
        ec2.run_instance(aws, LAUNCH)
    assert len(requests) == 1


def test_expired_credentials_are_read_anew_once(aws: AWS, stub: Stub) -> None:
    """Only the second client, made from new credentials, knows the answer."""
    stub("sts").add_client_error("get_caller_identity", "ExpiredToken")
    before = aws.sts
    asked: list[Any] = []

    def call() -> str:
        asked.append(aws.sts)
        if aws.sts is before:
            aws.sts.get_caller_identity()
        return "fresh"

    assert aws.ask(call) == "fresh"
    assert len(asked) == 2
    assert aws.sts is not before


def test_credentials_that_stay_expired_are_an_error(aws: AWS, monkeypatch: pytest.MonkeyPatch) -> None:
    answers: list[str] = []

    def expired(**_: Any) -> tuple[Any, dict[str, Any]]:
        answers.append("no")
        return type("Answer", (), {"status_code": 400})(), {
            "Error": {"Code": "ExpiredToken", "Message": "expired"},
            "ResponseMetadata": {"HTTPStatusCode": 400},
        }

    make = aws._client

    def client(service: str) -> Any:
        made = make(service)
        made.meta.events.register("before-call.sts", expired, unique_id="expired")
        return made

    monkeypatch.setattr(aws, "_client", client)
    with pytest.raises(AWSError) as caught:
        sts.account(aws)
    assert (caught.value.kind, len(answers)) == ("credentials", 2)
