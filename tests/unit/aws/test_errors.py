import pytest
from botocore import exceptions
from botocore.exceptions import ClientError
from ecdeployer.aws import ec2, ssm
from ecdeployer.aws.documents import Document
from ecdeployer.aws.errors import AWSError, translate
from ecdeployer.aws.session import AWS

from tests.aws_stubs import Stub

LAUNCH = ec2.LaunchRequest(
    launch_template_id="lt-1",
    launch_template_version="1",
    ami_id="ami-1",
    instance_type="t3.micro",
    user_data=b"#cloud-config",
    client_token="token",
    tags={},
)
LAUNCH_FAULTS = [
    ("RequestLimitExceeded", "throttled", True),
    ("InsufficientInstanceCapacity", "capacity", False),
    ("InsufficientFreeAddressesInSubnet", "capacity", False),
    ("Unsupported", "capacity", False),
    ("VcpuLimitExceeded", "limit", True),
    ("InstanceLimitExceeded", "limit", True),
    ("InvalidAMIID.NotFound", "invalid", False),
    ("InvalidAMIID.Unavailable", "invalid", False),
    ("InvalidLaunchTemplateId.NotFound", "invalid", False),
    ("InvalidLaunchTemplateId.VersionNotFound", "invalid", False),
    ("InvalidParameterValue", "invalid", False),
    ("InvalidUserData.Malformed", "invalid", False),
    ("UnauthorizedOperation", "denied", False),
    ("PendingVerification", "paused", True),
    ("Blocked", "paused", True),
    ("OptInRequired", "paused", True),
    ("AuthFailure", "credentials", False),
    ("IdempotentParameterMismatch", "mismatch", False),
    ("IdempotentInstanceTerminated", "mismatch", False),
    ("NeverSeenBefore", "invalid", False),
]


@pytest.mark.parametrize(("code", "kind", "retryable"), LAUNCH_FAULTS)
def test_a_refused_launch(aws: AWS, stub: Stub, code: str, kind: str, retryable: bool) -> None:
    stub("ec2").add_client_error("run_instances", code, "what AWS says")
    with pytest.raises(AWSError) as caught:
        ec2.run_instance(aws, LAUNCH)
    error = caught.value
    assert (error.code, error.kind, error.retryable) == (code, kind, retryable)
    assert "what AWS says" in error.operator
    assert "RunInstances" in error.operator
    assert "what AWS says" not in error.person


@pytest.mark.parametrize("status", [500, 502, 503])
def test_aws_broken(aws: AWS, stub: Stub, status: int) -> None:
    stub("ec2").add_client_error("run_instances", "NeverSeenBefore", http_status_code=status)
    with pytest.raises(AWSError) as caught:
        ec2.run_instance(aws, LAUNCH)
    assert (caught.value.kind, caught.value.retryable) == ("unavailable", True)


@pytest.mark.parametrize(
    "error",
    [
        exceptions.ReadTimeoutError(endpoint_url="https://ec2"),
        exceptions.ConnectTimeoutError(endpoint_url="https://ec2"),
        exceptions.ConnectionClosedError(endpoint_url="https://ec2"),
        exceptions.EndpointConnectionError(endpoint_url="https://ec2"),
    ],
)
def test_no_answer(error: exceptions.BotoCoreError) -> None:
    translated = translate(error)
    assert (translated.kind, translated.retryable) == ("unavailable", True)


def test_no_credentials_is_not_ready_yet() -> None:
    translated = translate(exceptions.NoCredentialsError())
    assert (translated.kind, translated.retryable) == ("credentials", True)


@pytest.mark.parametrize(
    ("code", "kind", "retryable"),
    [
        ("InvalidInstanceId", "not-found", True),
        ("ThrottlingException", "throttled", True),
        ("AccessDeniedException", "denied", False),
        ("InvalidDocument", "paused", True),
        ("InvalidParameters", "invalid", False),
    ],
)
def test_a_command_that_cannot_be_sent(aws: AWS, stub: Stub, code: str, kind: str, retryable: bool) -> None:
    stub("ssm").add_client_error("send_command", code)
    with pytest.raises(AWSError) as caught:
        ssm.send_command(
            aws, document=Document("d" * 3, "1"), ec2_id="i-1", arguments={}, comment="c", timeout=60
        )
    assert (caught.value.kind, caught.value.retryable) == (kind, retryable)


def test_a_result_that_is_not_listed_yet(aws: AWS, stub: Stub) -> None:
    stub("ssm").add_client_error("get_command_invocation", "InvocationDoesNotExist")
    with pytest.raises(AWSError) as caught:
        ssm.command_result(aws, "0" * 36, "i-1")
    assert (caught.value.kind, caught.value.retryable) == ("not-found", True)


@pytest.mark.parametrize(
    ("code", "kind"),
    [("ParameterNotFound", "not-found"), ("AccessDeniedException", "denied"), ("InvalidKeyId", "denied")],
)
def test_a_parameter_that_cannot_be_read(aws: AWS, stub: Stub, code: str, kind: str) -> None:
    stub("ssm").add_client_error("get_parameter", code)
    with pytest.raises(AWSError) as caught:
        ssm.public_parameter(aws, "/aws/service/x")
    assert (caught.value.kind, caught.value.retryable) == (kind, False)


def test_ending_a_machine_that_is_not_known(aws: AWS, stub: Stub) -> None:
    stub("ec2").add_client_error("terminate_instances", "InvalidInstanceID.NotFound")
    with pytest.raises(AWSError) as caught:
        ec2.terminate(aws, "i-1")
    assert caught.value.kind == "not-found"


def test_a_secret_that_botocore_quotes_is_not_repeated(aws: AWS) -> None:
    with pytest.raises(AWSError) as caught:
        ssm.put_environment(aws, "/p", {"A": "hunter2"}, instance_arn=["hunter2"])  # type: ignore[arg-type]
    assert "hunter2" not in caught.value.operator + caught.value.person + repr(caught.value)
    assert "Value" in caught.value.operator


def test_a_secret_that_aws_quotes_is_not_repeated() -> None:
    message = "1 validation error detected: Value 'hunter\n2' at 'value' failed to satisfy constraint"
    answer = {"Error": {"Code": "ValidationException", "Message": message}}
    translated = translate(ClientError(answer, "PutParameter"))  # type: ignore[arg-type]
    assert "hunter" not in translated.operator
    assert "'value' failed" in translated.operator


def test_nobody_but_the_operator_reads_the_decoded_refusal(aws: AWS, stub: Stub) -> None:
    message = "You are not authorized. Encoded authorization failure message: c2VjcmV0"
    stub("ec2").add_client_error("run_instances", "UnauthorizedOperation", message)
    stub("sts").add_response(
        "decode_authorization_message",
        {"DecodedMessage": '{"action": "ec2:RunInstances"}'},
        {"EncodedMessage": "c2VjcmV0"},
    )
    with pytest.raises(AWSError) as caught:
        ec2.run_instance(aws, LAUNCH)
    assert '{"action": "ec2:RunInstances"}' in caught.value.operator
    assert caught.value.message == "You are not authorized."


def test_a_refusal_that_may_not_be_decoded_stays_encoded(aws: AWS, stub: Stub) -> None:
    message = "No. Encoded authorization failure message: c2VjcmV0"
    stub("ec2").add_client_error("run_instances", "UnauthorizedOperation", message)
    stub("sts").add_client_error("decode_authorization_message", "AccessDenied")
    with pytest.raises(AWSError) as caught:
        ec2.run_instance(aws, LAUNCH)
    assert caught.value.operator.endswith("c2VjcmV0")
