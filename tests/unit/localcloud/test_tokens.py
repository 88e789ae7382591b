from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

import pytest
from moto.ec2.exceptions import EC2ClientError

from localcloud.tokens import Tokens

if TYPE_CHECKING:
    from moto.ec2.models.instances import Reservation

KEY = ("123456789012", "eu-west-1", "eu-west-1a", "token")
ASKED: dict[str, Any] = {"ImageId": "ami-1", "MinCount": 1, "ClientToken": "token"}


@dataclass
class FakeInstance:
    state: str = "running"


@dataclass
class FakeReservation:
    instances: list[FakeInstance] = field(default_factory=lambda: [FakeInstance()])


@pytest.fixture
def launched() -> tuple[Tokens, FakeReservation]:
    tokens, reservation = Tokens(), FakeReservation()
    tokens.keep(KEY, ASKED, cast("Reservation", reservation))
    return tokens, reservation


def test_the_same_request_finds_its_launch(launched: tuple[Tokens, FakeReservation]) -> None:
    tokens, reservation = launched
    assert tokens.find(KEY, {**ASKED, "DryRun": False}) is cast("Reservation", reservation)


def test_another_zone_or_token_is_another_launch(launched: tuple[Tokens, FakeReservation]) -> None:
    tokens, _ = launched
    assert tokens.find((*KEY[:2], "eu-west-1b", "token"), ASKED) is None
    assert tokens.find((*KEY[:3], "other"), ASKED) is None


def test_other_parameters_are_refused(launched: tuple[Tokens, FakeReservation]) -> None:
    tokens, _ = launched
    with pytest.raises(EC2ClientError) as caught:
        tokens.find(KEY, {**ASKED, "ImageId": "ami-2"})
    assert caught.value.code == "IdempotentParameterMismatch"


def test_a_terminated_launch_is_refused(launched: tuple[Tokens, FakeReservation]) -> None:
    tokens, reservation = launched
    reservation.instances[0].state = "shutting-down"
    assert tokens.find(KEY, ASKED) is not None

    reservation.instances[0].state = "terminated"
    with pytest.raises(EC2ClientError) as caught:
        tokens.find(KEY, ASKED)
    assert caught.value.code == "IdempotentInstanceTerminated"
