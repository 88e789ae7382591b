import json
import time
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import CommandError

from ....instances.models import Instance
from ....instances.states import InstanceState
from ... import actions
from ...models import Application
from ..following import (
    FAILED,
    LOOK,
    OperatorCommand,
    add_following_arguments,
    add_naming_arguments,
    find_application,
)

_GONE = [InstanceState.TERMINATED, InstanceState.FAILED]


class Command(OperatorCommand):
    """Exit codes: 0 when it is accepted (gone, with --wait), 1 when it is not, 2 for wrong input."""

    help = "End an application's instance for good; its history stays."

    def add_arguments(self, parser: ArgumentParser) -> None:
        add_naming_arguments(parser)
        add_following_arguments(parser)

    def handle(self, **options: Any) -> None:
        application = find_application(options["name"], owner=options["owner"])
        try:
            actions.terminate(application, by=None)
        except actions.RefusedError as error:
            self.stderr.write(str(error))
        left = _wait(application, seconds=options["timeout"]) if options["wait"] else []
        if options["json"]:
            instances = list(application.instances.values("ec2_id", "state", "reason"))
            self.stdout.write(json.dumps({"name": application.name, "instances": instances}, indent=2))
        elif options["wait"] and not left:
            self.stdout.write(f"{application.name} is terminated")
        if left:
            states = ", ".join(f"{instance} is {instance.state}" for instance in left)
            raise CommandError(f"Not gone when the time was up: {states}", returncode=FAILED)


def _wait(application: Application, *, seconds: float) -> list[Instance]:
    """The instances that are left when all are gone, or the time is up."""
    deadline = time.monotonic() + seconds
    while left := list(application.instances.exclude(state__in=_GONE)):
        if time.monotonic() > deadline:
            break
        time.sleep(LOOK)
    return left
