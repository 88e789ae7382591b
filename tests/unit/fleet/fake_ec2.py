"""EC2 with what moto lacks: zonal tokens, late listings, throttling, size limits, and lost answers."""

from collections.abc import Collection
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone
from ecdeployer.aws import ec2, tags
from ecdeployer.aws.addresses import Elastic
from ecdeployer.aws.ec2 import LaunchRequest, Machine, Subnet
from ecdeployer.aws.errors import RULES, AWSError

RATE, BURST = 2.0, 5.0
#: For so long EC2 goes on listing what has ended.
LISTED = timedelta(hours=1)


class Killed(BaseException):
    """What ends a worker at a line."""


def error_of(code: str) -> AWSError:
    rule = RULES[code]
    return AWSError(code=code, message="said", kind=rule.kind, retryable=rule.retryable, person=rule.person)


@dataclass
class Made:
    """A machine as it is, whether or not it is listed yet."""

    machine: Machine
    request: LaunchRequest
    visible_at: datetime
    ended_at: datetime | None = None


@dataclass
class FakeEC2:
    """``fault`` is met by the next call that changes something: what (a code, killed, lost), and when."""

    made: list[Made] = field(default_factory=list)
    delay: timedelta = timedelta(0)
    fault: tuple[str, str] = ("", "")
    bucket: float = BURST
    counted_at: datetime = field(default_factory=timezone.now)
    elastic: list[Elastic] = field(default_factory=list)
    allocated: int = 0
    quota: int = 5
    zones: tuple[Subnet, ...] = (Subnet("subnet-a", "a"), Subnet("subnet-b", "b"))

    def default_subnets(self, _: Any) -> list[Subnet]:
        return list(self.zones)

    def run_instance(self, _: Any, request: LaunchRequest) -> Machine:
        self._meet("before")
        if len(request.client_token) > 64 or len(request.user_data) > 16384:
            raise AWSError(code="InvalidParameterValue", message="said")
        self._throttle()
        found = self._earlier(request) or self._launch(request)
        self._meet("after")
        return found

    def _earlier(self, request: LaunchRequest) -> Machine | None:
        for each in self.made:
            same = (each.request.client_token, each.request.subnet_id)
            if same != (request.client_token, request.subnet_id):
                continue
            if each.request != request:
                raise error_of("IdempotentParameterMismatch")
            if each.ended_at:
                raise error_of("IdempotentInstanceTerminated")
            return each.machine
        return None

    def _launch(self, request: LaunchRequest) -> Machine:
        now = timezone.now()
        machine = Machine(
            ec2_id=f"i-{len(self.made):017x}",
            state="running",
            ami_id=request.ami_id,
            availability_zone=request.subnet_id[-1:],
            public_ip=f"203.0.113.{len(self.made) % 250}",
            launched_at=now,
            tags=dict(request.tags),
        )
        self.made.append(Made(machine, request, now + self.delay))
        return machine

    def terminate(self, _: Any, ec2_id: str) -> str:
        self._meet("before")
        for each in self._visible():
            if each.machine.ec2_id == ec2_id:
                self.end(each)
                self._meet("after")
                return "terminated"
        raise error_of("InvalidInstanceID.NotFound")

    def end(self, each: Made) -> None:
        each.ended_at = each.ended_at or timezone.now()
        each.machine = replace(each.machine, state="terminated", public_ip="")
        self.elastic = [
            replace(one, ec2_id="") if one.ec2_id == each.machine.ec2_id else one for one in self.elastic
        ]

    def find_machines(self, _: Any, *, tag: tuple[str, str]) -> list[Machine]:
        return [each.machine for each in self._visible() if each.machine.tags.get(tag[0]) == tag[1]]

    def find_by_instance_tag(self, aws: Any, row: str) -> Machine | None:
        found = self.find_machines(aws, tag=(tags.INSTANCE, row))
        return min(found, key=lambda machine: machine.state not in ec2.LIVE_STATES) if found else None

    def find_by_ids(self, _: Any, ids: Collection[str]) -> list[Machine]:
        return [each.machine for each in self._visible() if each.machine.ec2_id in ids]

    def find_machine(self, aws: Any, ec2_id: str) -> Machine | None:
        return next(iter(self.find_by_ids(aws, [ec2_id])), None)

    def find_volumes(self, _: Any, *, tag: tuple[str, str]) -> list[str]:
        return [each.machine.ec2_id for each in self.live() if each.machine.tags.get(tag[0]) == tag[1]]

    def allocate(self, _: Any, *, tag: dict[str, str]) -> Elastic:
        self._meet("before")
        if len(self.elastic) >= self.quota:
            raise error_of("AddressLimitExceeded")
        self.allocated += 1
        address = f"198.51.{self.allocated // 250}.{self.allocated % 250}"
        made = Elastic(allocation_id=f"eipalloc-{self.allocated:05}", public_ip=address, tags=dict(tag))
        self.elastic.append(made)
        self._meet("after")
        return made

    def find_elastic(self, _: Any, *, tag: tuple[str, str]) -> list[Elastic]:
        return [each for each in self.elastic if each.tags.get(tag[0]) == tag[1]]

    def find_elastic_by_ids(self, _: Any, ids: list[str]) -> list[Elastic]:
        return [each for each in self.elastic if each.allocation_id in ids]

    def associate(self, _: Any, allocation_id: str, ec2_id: str) -> None:
        self._meet("before")
        [found] = self._elastic(allocation_id)
        machine = next((each for each in self.live() if each.machine.ec2_id == ec2_id), None)
        if machine is None:
            raise error_of("InvalidInstanceID.NotFound")
        self.elastic[self.elastic.index(found)] = replace(found, ec2_id=ec2_id)
        machine.machine = replace(machine.machine, public_ip=found.public_ip)
        self._meet("after")

    def release(self, _: Any, allocation_id: str) -> None:
        self._meet("before")
        [found] = self._elastic(allocation_id)
        if found.ec2_id:
            raise error_of("InvalidIPAddress.InUse")
        self.elastic.remove(found)
        self._meet("after")

    def _elastic(self, allocation_id: str) -> list[Elastic]:
        found = self.find_elastic_by_ids(None, [allocation_id])
        if not found:
            raise error_of("InvalidAllocationID.NotFound")
        return found

    def live(self) -> list[Made]:
        return [each for each in self.made if each.ended_at is None]

    def _visible(self) -> list[Made]:
        now = timezone.now()
        return [
            each
            for each in self.made
            if each.visible_at <= now and (each.ended_at is None or each.ended_at > now - LISTED)
        ]

    def _throttle(self) -> None:
        now = timezone.now()
        self.bucket = min(BURST, self.bucket + (now - self.counted_at).total_seconds() * RATE)
        self.counted_at = now
        if self.bucket < 1:
            raise error_of("RequestLimitExceeded")
        self.bucket -= 1

    def _meet(self, when: str) -> None:
        what, at = self.fault
        if at != when:
            return
        self.fault = ("", "")
        if what == "killed":
            raise Killed
        raise error_of("RequestTimeout" if what == "lost" else what)
