import base64
from collections.abc import Callable

import pytest
from moto.ec2.exceptions import EC2ClientError

from localcloud import refusals


def encoded(size: int) -> str:
    return base64.b64encode(b"x" * size).decode()


REFUSED: list[tuple[str, Callable[[], None]]] = [
    ("InvalidInstanceID.Malformed", lambda: refusals.check_instance_ids(["i-xyz"])),
    ("InvalidInstanceID.Malformed", lambda: refusals.check_instance_ids(["i-0123456789abcdef0\n"])),
    ("InvalidInstanceID.Malformed", lambda: refusals.check_instance_ids(["i-01234567", "0"])),
    ("MissingParameter", lambda: refusals.check_image_id("")),
    ("InvalidAMIID.Malformed", lambda: refusals.check_image_id("ami-")),
    ("InvalidAMIID.Malformed", lambda: refusals.check_image_id("i-01234567")),
    ("InvalidAMIName.Malformed", lambda: refusals.check_image_name("ab", {})),
    ("InvalidAMIName.Malformed", lambda: refusals.check_image_name("a" * 129, {})),
    ("InvalidAMIName.Malformed", lambda: refusals.check_image_name("semi;colon", {})),
    ("InvalidAMIName.Duplicate", lambda: refusals.check_image_name("golden", {"golden": "ami-1"})),
    ("InvalidParameterValue", lambda: refusals.check_client_token("t" * 65)),
    ("InvalidParameterValue", lambda: refusals.check_client_token("tökén")),
    ("InvalidUserData.Malformed", lambda: refusals.check_user_data("not base64!")),
    ("InvalidParameterValue", lambda: refusals.check_user_data(encoded(16_385))),
    ("InvalidParameterValue", lambda: refusals.check_counts(0, 1, free=9)),
    ("InvalidParameterValue", lambda: refusals.check_counts(2, 1, free=9)),
    ("InstanceLimitExceeded", lambda: refusals.check_counts(3, 3, free=2)),
    ("InvalidLaunchTemplateId.VersionNotFound", lambda: refusals.check_template_version("0")),
    ("InvalidLaunchTemplateVersion.Malformed", lambda: refusals.check_template_version("one")),
    (
        "IncorrectInstanceState",
        lambda: refusals.check_state("i-1", "pending", allowed=("running",), verb="x"),
    ),
    ("InvalidInstanceID", lambda: refusals.check_addressable("i-1", "pending")),
    ("IncorrectInstanceState", lambda: refusals.check_addressable("i-1", "terminated")),
]


@pytest.mark.parametrize(("code", "check"), REFUSED)
def test_refused_with_ec2_s_code(code: str, check: Callable[[], None]) -> None:
    with pytest.raises(EC2ClientError) as caught:
        check()
    assert caught.value.code == code


def test_what_ec2_takes_is_taken() -> None:
    refusals.check_instance_ids(["i-01234567", "i-0123456789abcdef0"])
    refusals.check_image_id("ami-0123456789abcdef0")
    refusals.check_image_name("golden (2026-11-21)/a.b_c@d", {"other": "ami-1"})
    refusals.check_client_token("t" * 64)
    refusals.check_user_data(encoded(16_384))
    refusals.check_counts(1, 30, free=1)
    for version in ("1", "$Latest", "$Default"):
        refusals.check_template_version(version)
    refusals.check_state("i-1", "running", allowed=("running",), verb="stopped")
    for state in ("running", "stopping", "stopped"):
        refusals.check_addressable("i-1", state)
