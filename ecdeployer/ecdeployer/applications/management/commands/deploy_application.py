import re
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import CommandError

from ....deployments.models import Deployment
from ... import actions
from ..following import (
    FAILED,
    WRONG_INPUT,
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
        parser.add_argument(
            "--commit", default="", help="40 hexadecimal digits; the branch's newest if not given"
        )
        parser.add_argument("--again", action="store_true", help="also where that commit is live already")

    def handle(self, **options: Any) -> None:
        application = find_application(options["name"], owner=options["owner"])
        commit = options["commit"].lower()
        if commit and not re.fullmatch(r"[0-9a-f]{40}", commit):
            raise CommandError(
                f"commit: found {commit!r}; give all 40 hexadecimal digits", returncode=WRONG_INPUT
            )
        trigger = Deployment.Trigger.COMMAND
        try:
            deployment = actions.deploy_again(
                application, by=None, trigger=trigger, commit=commit, again=options["again"]
            )
        except actions.RefusedError as error:
            raise CommandError(str(error), returncode=FAILED) from error
        report_on(deployment, options, self.stdout)
