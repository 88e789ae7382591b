"""Client tokens of RunInstances: one launch for each token and zone, however often it is asked for."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from moto.ec2.models.instances import Reservation

from localcloud.refusals import refuse

_NOT_COMPARED = ("ClientToken", "DryRun")


@dataclass(frozen=True)
class _Launch:
    asked: str
    reservation: Reservation


class Tokens:
    """Launches by account, region, zone and token."""

    def __init__(self) -> None:
        self._launches: dict[tuple[str, ...], _Launch] = {}

    def find(self, key: tuple[str, ...], parameters: Mapping[str, Any]) -> Reservation | None:
        """The launch that the same request made before; refused when the request differs or it has ended."""
        launch = self._launches.get(key)
        if launch is None:
            return None
        if launch.asked != _canonical(parameters):
            raise refuse(
                "IdempotentParameterMismatch",
                "Arguments on this idempotent request are inconsistent with arguments used in "
                "previous request(s).",
            )
        if all(instance.state == "terminated" for instance in launch.reservation.instances):
            raise refuse(
                "IdempotentInstanceTerminated",
                "The instance launched by an earlier request with this client token has been terminated.",
            )
        return launch.reservation

    def keep(self, key: tuple[str, ...], parameters: Mapping[str, Any], reservation: Reservation) -> None:
        """Note a launch."""
        self._launches[key] = _Launch(_canonical(parameters), reservation)


def _canonical(parameters: Mapping[str, Any]) -> str:
    compared = {name: value for name, value in parameters.items() if name not in _NOT_COMPARED}
    return json.dumps(compared, sort_keys=True, default=str)
