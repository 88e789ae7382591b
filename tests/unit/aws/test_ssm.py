import base64
import json
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from ecdeployer.aws import ssm
from ecdeployer.aws.documents import Document
from ecdeployer.aws.session import AWS
from hypothesis import given
from hypothesis import strategies as st

from tests.aws_stubs import Stub

PATH = "/ecdeployer/app/environment"
ARN = "arn:aws:ec2:eu-west-1:123456789012:instance/i-1"


def read_back(parts: list[str]) -> Any:
    """As the machine does it."""
    count, _, rest = parts[0].partition(":")
    assert int(count) == len(parts)
    return json.loads(base64.b64decode("".join([rest, *parts[1:]])))


@given(st.dictionaries(st.text(max_size=30), st.text(max_size=4000), max_size=5))
def test_an_environment_comes_back_as_it_went(values: dict[str, str]) -> None:
    parts = ssm.environment_parts(values)
    assert all(len(part) <= ssm.PART_SIZE for part in parts)
    assert all(part.isascii() for part in parts)
    assert read_back(parts) == values


@pytest.mark.parametrize("size", range(6100, 6160))
def test_no_part_is_empty_where_one_more_begins(size: int) -> None:
    parts = ssm.environment_parts({"A": "x" * (size // 2)})
    assert all(parts)
    assert read_back(parts) == {"A": "x" * (size // 2)}


def test_the_largest_environment_and_one_byte_more() -> None:
    # 10 parts of 4,096 less "10:", three bytes in four characters, less {"A":""}
    largest = (40_957 // 4) * 3 - len('{"A":""}')
    assert len(ssm.environment_parts({"A": "x" * largest})) == 10
    with pytest.raises(ssm.EnvironmentTooLargeError) as caught:
        ssm.environment_parts({"A": "x" * (largest + 1)})
    assert caught.value.kind == "invalid"
    assert "40,957" in caught.value.person


def put(number: int, value: str, *, parts: int, **more: Any) -> dict[str, Any]:
    tag_list = [
        {"Key": "ecdeployer:instance", "Value": ARN},
        {"Key": "ecdeployer:parts", "Value": str(parts)},
    ]
    new = {"Tier": "Standard", "Tags": tag_list}
    return {"Name": f"{PATH}/{number}", "Value": value, "Type": "SecureString", **(more or new)}


def test_the_first_part_is_written_last_and_stale_ones_go(aws: AWS, stub: Stub) -> None:
    values = {"A": "x" * 3500}
    parts = ssm.environment_parts(values)
    assert len(parts) == 2
    for number in (1, 0):
        stub("ssm").add_response("put_parameter", {"Version": 1}, put(number, parts[number], parts=2))
    stale = [f"{PATH}/{number}" for number in range(2, 10)]
    stub("ssm").add_response("delete_parameters", {}, {"Names": stale})
    ssm.put_environment(aws, PATH, values, instance_arn=ARN)


def test_a_known_parameter_changes_its_reader_before_its_value(aws: AWS, stub: Stub) -> None:
    [part] = ssm.environment_parts({"A": "b"})
    stub("ssm").add_client_error("put_parameter", "ParameterAlreadyExists")
    stub("ssm").add_response(
        "add_tags_to_resource",
        {},
        {"ResourceType": "Parameter", "ResourceId": f"{PATH}/0", "Tags": put(0, part, parts=1)["Tags"]},
    )
    stub("ssm").add_response("put_parameter", {"Version": 2}, put(0, part, parts=1, Overwrite=True))
    stub("ssm").add_response("delete_parameters", {})
    ssm.put_environment(aws, PATH, {"A": "b"}, instance_arn=ARN)


def test_nothing_is_written_of_an_environment_that_does_not_fit(aws: AWS, stub: Stub) -> None:
    stub("ssm")
    with pytest.raises(ssm.EnvironmentTooLargeError):
        ssm.put_environment(aws, PATH, {"A": "x" * 40_000}, instance_arn=ARN)


def test_deleting_asks_once_for_all_parts(aws: AWS, stub: Stub) -> None:
    stub("ssm").add_response(
        "delete_parameters",
        {"InvalidParameters": [f"{PATH}/9"]},
        {"Names": [f"{PATH}/{number}" for number in range(10)]},
    )
    ssm.delete_environment(aws, PATH)


SENT = datetime(2026, 11, 27, 9, 0, tzinfo=timezone(timedelta(hours=1)))


def test_a_command_is_found_again_by_its_comment_on_a_later_page(aws: AWS, stub: Stub) -> None:
    def command(number: int, comment: str) -> dict[str, str]:
        return {"CommandId": f"{number:036d}", "Comment": comment}

    asked = {
        "InstanceId": "i-1",
        "Filters": [{"key": "InvokedAfter", "value": "2026-11-27T07:50:00Z"}],
    }
    stub("ssm").add_response("list_commands", {"Commands": [command(1, "other")], "NextToken": "more"}, asked)
    stub("ssm").add_response(
        "list_commands",
        {"Commands": [command(2, "ours"), command(3, "ours")]},
        asked | {"NextToken": "more"},
    )
    assert ssm.find_command(aws, "ours", "i-1", since=SENT) == f"{2:036d}"


def test_no_command_with_that_comment(aws: AWS, stub: Stub) -> None:
    stub("ssm").add_response("list_commands", {"Commands": []})
    assert ssm.find_command(aws, "ours", "i-1", since=SENT) is None


def test_sending_keeps_within_what_aws_takes(aws: AWS, stub: Stub) -> None:
    stub("ssm").add_response(
        "send_command",
        {"Command": {"CommandId": "0" * 36}},
        {
            "DocumentName": "ecdeployer-deploy",
            "DocumentVersion": "12",
            "InstanceIds": ["i-1"],
            "Parameters": {"commit": ["0" * 40]},
            "Comment": "c" * 100,
            "TimeoutSeconds": 30,
        },
    )
    sent = ssm.send_command(
        aws,
        document=Document("ecdeployer-deploy", "12"),
        ec2_id="i-1",
        arguments={"commit": ("0" * 40,)},
        comment="c" * 120,
        timeout=1,
    )
    assert sent == "0" * 36


@pytest.mark.parametrize(
    ("status", "details", "finished", "words"),
    [
        ("Pending", "Pending", False, ""),
        ("InProgress", "In Progress", False, ""),
        ("Success", "Success", True, ""),
        ("Failed", "Failed", True, "failed on the machine"),
        ("TimedOut", "Execution Timed Out", True, "ran out of time"),
        ("TimedOut", "Delivery Timed Out", True, "did not reach"),
        ("TimedOut", "DeliveryTimedOut", True, "did not reach"),
        ("Cancelled", "Cancelled", True, "cancelled"),
        ("Failed", "Undeliverable", True, "could not be delivered"),
        ("Failed", "Access Denied", True, "permission"),
        ("Failed", "SomethingNew", True, "failed on the machine"),
    ],
)
def test_the_end_of_a_command(
    aws: AWS, stub: Stub, status: str, details: str, finished: bool, words: str
) -> None:
    stub("ssm").add_response(
        "get_command_invocation", {"Status": status, "StatusDetails": details, "ResponseCode": -1}
    )
    result = ssm.command_result(aws, "0" * 36, "i-1")
    assert (result.finished, result.exit_code) == (finished, None)
    assert words in (result.end.person if result.end else "")
    assert bool(result.end) == bool(words)


def test_output_and_exit_code(aws: AWS, stub: Stub) -> None:
    stub("ssm").add_response(
        "get_command_invocation",
        {
            "Status": "Failed",
            "ResponseCode": 3,
            "StandardOutputContent": "out",
            "StandardErrorContent": "err",
        },
    )
    result = ssm.command_result(aws, "0" * 36, "i-1")
    assert (result.exit_code, result.stdout, result.stderr) == (3, "out", "err")
