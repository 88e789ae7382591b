from argparse import ArgumentParser
from typing import Any

from django.core.management.base import CommandError

from ....deployments.models import Deployment
from ... import actions
from ..following import (
    FAILED,
    OperatorCommand,
    add_following_arguments,
    add_naming_arguments,
    find_application,
    report_on,
)


class Command(OperatorCommand):
    """Exit codes: 0 when it is accepted (live, with --wait), 1 when it failed, 2 for wrong input."""

    help = "Deploy the newest commit of an application's branch."

    def add_arguments(self, parser: ArgumentParser) -> None:
        add_naming_arguments(parser)
        add_following_arguments(parser)

    def handle(self, **options: Any) -> None:
        application = find_application(options["name"], owner=options["owner"])
        try:
            deployment = actions.deploy_again(application, by=None, trigger=Deployment.Trigger.COMMAND)
        except actions.RefusedError as error:
            raise CommandError(str(error), returncode=FAILED) from error
        report_on(deployment, options, self.stdout)
