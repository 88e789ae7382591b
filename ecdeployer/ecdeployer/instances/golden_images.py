"""Making the image that instances start from, and finding one that is there already.

``build`` runs one builder machine from the base image to its verdict, keeps its disk, and ends it whatever
happens. The machine's own tag lets the next build end what a killed one left.
"""

import contextlib
import gzip
import hashlib
import re
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TypeVar

from django.conf import settings
from django.utils import timezone

from ..aws import ec2, images, tags
from ..aws.errors import AWSError
from ..aws.session import AWS
from ..cloud_init import user_data
from ..cloud_init.parameters import ImageParameters
from . import infrastructure
from .models import GoldenImage

Found = TypeVar("Found")

#: Seconds that a part may take before the build fails.
LAUNCH_LIMIT = 120
END_LIMIT = 120
SCRIPT_LIMIT = 45 * 60
STOP_LIMIT = 10 * 60
IMAGE_LIMIT = 60 * 60
_VERDICT = re.compile(r"ecdeployer image: (succeeded|failed)\b[ :]*([^\n]*)")
_PROGRESS = re.compile(r"ecdeployer image: (?!succeeded\b|failed\b)([^\n]+)")
#: Colours and cursor moves of a booting machine, and whatever else could play with the operator's terminal.
_CONTROL = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|[^\n\t\x20-\x7e\xa0-\U0010ffff]")


class BuildError(Exception):
    """Why there is no image; ``log`` is the builder's console, as far as it was heard."""

    def __init__(self, reason: str, *, log: str = "") -> None:
        super().__init__(reason)
        self.log = log


@dataclass
class Clock:
    """How a build waits. Tests put their own in its place."""

    say: Callable[[str], None]
    now: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    interval: float = 3.0
    started: float = field(init=False)
    spoken: float = field(init=False)

    def __post_init__(self) -> None:
        self.started = self.spoken = self.now()

    def report(self, text: str) -> None:
        self.spoken = self.now()
        self.say(f"[{self.spoken - self.started:5.0f} s] {text}")

    def wait(self, look: Callable[[], Found | None], *, limit: float, what: str) -> Found:
        """What ``look`` finds at last; what AWS may be asked again is asked again, until the limit."""
        begun = self.now()
        trouble = ""
        while True:
            try:
                found = look()
            except AWSError as error:
                if not _may_repeat(error):
                    raise
                found, trouble = None, f" ({error.operator})"
            if found is not None:
                return found
            now = self.now()
            if now - begun > limit:
                raise BuildError(f"{what} took longer than {limit / 60:.0f} minutes{trouble}")
            if now - self.spoken >= 30:
                self.report(f"… {what}")
            self.sleep(self.interval)


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """What goes into an image. ``script_sha256`` tells images of different scripts apart."""

    base_ami_id: str
    instance_type: str
    user_data: bytes = field(repr=False)
    script_sha256: str


def recipe(*, base_ami_id: str, instance_type: str) -> Recipe:
    """The present script and what travels with it; its digest is of the text, whoever compressed it."""
    parameters = ImageParameters(
        agents=settings.AGENTS,
        region=settings.AWS_REGION,
        cloudwatch_namespace=settings.CLOUDWATCH_NAMESPACE if settings.CLOUDWATCH_AGENT else "",
    )
    packed = user_data.render_image(parameters)
    return Recipe(
        base_ami_id=base_ami_id,
        instance_type=instance_type,
        user_data=packed,
        script_sha256=hashlib.sha256(gzip.decompress(packed)).hexdigest(),
    )


def find_usable(aws: AWS, *, script_sha256: str) -> GoldenImage | None:
    """The image that this very script made and that AWS still has, recorded and first in line.

    A database that does not know it (a new one, on the same account) learns of it; rows whose image is gone
    from AWS go too, because the newest row is what instances start from.
    """
    available = [image for image in _ours(aws) if image.state == "available"]
    GoldenImage.objects.exclude(ami_id__in=[image.ami_id for image in available]).delete()
    for image in available:
        if image.tags.get(tags.SCRIPT) == script_sha256:
            return _record(image)
    return None


def learn(aws: AWS) -> GoldenImage | None:
    """Record what was built by another hand, a pipeline's or an operator's; the first in line then.

    The newest of several comes first. What is known already keeps its place.
    """
    known = set(GoldenImage.objects.values_list("ami_id", flat=True))
    found = [image for image in _ours(aws) if image.state == "available" and image.ami_id not in known]
    for image in reversed(found):
        _record(image)
    return GoldenImage.objects.first()


def build(aws: AWS, recipe: Recipe, clock: Clock) -> GoldenImage:
    """Raises BuildError or AWSError; the builder has ended in any case when this returns or raises."""
    end_leftovers(aws, clock)
    with _builder(aws, recipe, clock) as ec2_id:
        _await_verdict(aws, ec2_id, clock)
        ec2.stop(aws, ec2_id)
        clock.report("the script succeeded; stopping the builder")
        clock.wait(lambda: _stopped(aws, ec2_id), limit=STOP_LIMIT, what="stopping")
        return _record(_keep(aws, ec2_id, recipe, clock))


def end_leftovers(aws: AWS, clock: Clock) -> None:
    """Builders of a run that was killed."""
    for machine in _builders(aws):
        clock.report(f"ending {machine.ec2_id}, which an earlier build left")
        ec2.terminate(aws, machine.ec2_id)


@contextlib.contextmanager
def _builder(aws: AWS, recipe: Recipe, clock: Clock) -> Iterator[str]:
    """The tag finds the builder even when the launch was interrupted before its answer was read."""
    ec2_id = ""
    try:
        ec2_id = _launch(aws, recipe, clock)
        clock.report(f"builder {ec2_id} launched from {recipe.base_ami_id}")
        yield ec2_id
    finally:
        clock.report("ending the builder")
        clock.wait(lambda: _end(aws, ec2_id), limit=END_LIMIT, what=f"ending the builder {ec2_id}")


def _end(aws: AWS, ec2_id: str) -> bool:
    if ec2_id:
        ec2.terminate(aws, ec2_id)
    for machine in _builders(aws):
        ec2.terminate(aws, machine.ec2_id)
    return True


def _builders(aws: AWS) -> list[ec2.Machine]:
    machines = ec2.find_machines(aws, tag=(tags.BUILDER, settings.RESOURCE_PREFIX))
    return [machine for machine in machines if machine.state in ec2.LIVE_STATES]


def _launch(aws: AWS, recipe: Recipe, clock: Clock) -> str:
    """In the first zone that has room. A new instance profile takes some seconds to be known to EC2."""
    token = str(uuid.uuid4())
    found = infrastructure.find(aws)
    prefix = settings.RESOURCE_PREFIX
    zones = ["", *(subnet.id for subnet in ec2.default_subnets(aws))]

    def launch() -> str | None:
        request = ec2.LaunchRequest(
            launch_template_id=found.launch_template_id,
            launch_template_version=found.launch_template_version,
            ami_id=recipe.base_ami_id,
            instance_type=recipe.instance_type,
            user_data=recipe.user_data,
            # A token is bound to its zone and its bytes.
            client_token=f"{token}-{len(zones)}",
            subnet_id=zones[0],
            tags={tags.PREFIX: prefix, tags.BUILDER: prefix, tags.NAME: f"{prefix} image builder"},
        )
        try:
            return ec2.run_instance(aws, request).ec2_id
        except AWSError as error:
            if error.kind == "capacity" and len(zones) > 1:
                zones.pop(0)
            elif "instance profile" not in error.message.lower():
                raise
            return None

    return clock.wait(launch, limit=LAUNCH_LIMIT, what="launching the builder")


def _await_verdict(aws: AWS, ec2_id: str, clock: Clock) -> None:
    """Reads the serial console, where the script says how far it is and how it ended.

    The console needs nothing of the machine: no agent, which the script is only about to install.
    """
    heard: list[str] = [""]
    told: set[str] = set()

    def look() -> re.Match[str] | None:
        heard[0] = _CONTROL.sub("", ec2.console_output(aws, ec2_id)) or heard[0]
        for line in _PROGRESS.findall(heard[0]):
            if line not in told:
                told.add(line)
                clock.report(line)
        verdicts = list(_VERDICT.finditer(heard[0]))
        if not verdicts:
            _check_alive(aws, ec2_id, log=heard[0])
        return verdicts[-1] if verdicts else None

    try:
        verdict = clock.wait(look, limit=SCRIPT_LIMIT, what="waiting for the script's verdict")
    except BuildError as error:
        raise BuildError(str(error), log=error.log or heard[0]) from None
    if verdict[1] == "failed":
        raise BuildError(f"the script failed {verdict[2]}".strip(), log=heard[0])


def _check_alive(aws: AWS, ec2_id: str, *, log: str) -> None:
    machine = ec2.find_machine(aws, ec2_id)
    if machine and machine.state not in {"pending", "running"}:
        why = f": {machine.state_reason}" if machine.state_reason else ""
        raise BuildError(f"the builder is {machine.state}, without a verdict of its script{why}", log=log)


def _stopped(aws: AWS, ec2_id: str) -> bool | None:
    machine = ec2.find_machine(aws, ec2_id)
    if machine and machine.state in {"shutting-down", "terminated"}:
        raise BuildError("the builder was terminated before its image was made")
    return True if machine and machine.state == "stopped" else None


def _keep(aws: AWS, ec2_id: str, recipe: Recipe, clock: Clock) -> images.Image:
    name = f"{settings.RESOURCE_PREFIX}-{datetime.now(UTC):%Y%m%d-%H%M%S}"
    ami_id = images.create_image(
        aws,
        ec2_id,
        name=name,
        description="Golden image of EC Django Deployer",
        tag={
            tags.PREFIX: settings.RESOURCE_PREFIX,
            tags.SCRIPT: recipe.script_sha256,
            tags.BASE: recipe.base_ami_id,
        },
    )
    clock.report(f"image {ami_id} is being made")

    def look() -> images.Image | None:
        image = images.find_image(aws, ami_id)
        if image and image.state in {"failed", "error", "invalid", "deregistered"}:
            raise BuildError(f"the image {ami_id} is {image.state}: {image.state_reason}")
        return image if image and image.state == "available" else None

    return clock.wait(look, limit=IMAGE_LIMIT, what=f"waiting for the image {ami_id}")


def _ours(aws: AWS) -> list[images.Image]:
    return images.find_images(aws, tag=(tags.PREFIX, settings.RESOURCE_PREFIX))


def _record(image: images.Image) -> GoldenImage:
    """Known or not, it is the newest row now."""
    record, _ = GoldenImage.objects.update_or_create(
        ami_id=image.ami_id,
        defaults={
            "name": image.name,
            "base_ami_id": image.tags.get(tags.BASE, ""),
            "script_sha256": image.tags.get(tags.SCRIPT, ""),
            "created_at": timezone.now(),
        },
    )
    return record


def _may_repeat(error: AWSError) -> bool:
    """EC2 may not know a machine in the first seconds after it has launched it."""
    return error.kind == "not-found" or (error.retryable and error.kind not in {"paused", "limit"})
