from argparse import ArgumentParser
from typing import Any

from django.core.management.base import CommandError
from django.db import IntegrityError

from ....accounts.models import User
from ....deployments.models import Deployment
from ... import actions
from ...forms import ApplicationForm
from ...models import Application
from ..following import WRONG_INPUT, OperatorCommand, add_following_arguments, report_on

_TEXTS = ("name", "branch", "description", "instance_type", "health_path")


class Command(OperatorCommand):
    """Exit codes: 0 when it is accepted (live, with --wait), 1 when it failed, 2 for wrong input."""

    help = "Register an application for a person, and bring it live: what the page New application does."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--owner", required=True, metavar="USERNAME")
        parser.add_argument("--project-name", required=True, help="the directory that holds manage.py")
        parser.add_argument("--github-url", required=True, help="https://github.com/owner/repository")
        for name in _TEXTS:
            parser.add_argument(f"--{name.replace('_', '-')}", default="")
        parser.add_argument(
            "--confirm-migrations", action="store_true", help="those that drop, rename or lock wait"
        )
        parser.add_argument(
            "--env", action="append", default=[], metavar="NAME=VALUE", help="may be repeated"
        )
        parser.add_argument(
            "--no-deploy-on-push", action="store_true", help="deploy only when somebody asks for it"
        )
        add_following_arguments(parser)

    def handle(self, **options: Any) -> None:
        application = _create(options)
        deployment = application.deployments.select_related("application", "instance").latest("number")
        report_on(deployment, options, self.stdout)


def _create(options: dict[str, Any]) -> Application:
    owner = User.objects.filter(username=options["owner"]).first()
    if owner is None:
        raise CommandError(f"owner: there is no user {options['owner']}", returncode=WRONG_INPUT)
    names = ("project_name", "github_url", *_TEXTS)
    data = {name: options[name] for name in names} | {
        "environment": _environment(options["env"]),
        "deploy_on_push": not options["no_deploy_on_push"],
        "confirm_migrations": options["confirm_migrations"],
    }
    form = ApplicationForm(data, owner=owner)
    if not form.is_valid():
        lines = [f"{field}: {message}" for field, messages in form.errors.items() for message in messages]
        raise CommandError("\n".join(lines), returncode=WRONG_INPUT)
    try:
        trigger = Deployment.Trigger.COMMAND
        return actions.create_application(owner=owner, by=None, trigger=trigger, **form.parameters())
    except actions.RefusedError as error:
        raise CommandError(str(error), returncode=WRONG_INPUT) from error
    except IntegrityError as error:
        message = f"name: {owner.username} has this name since a moment ago"
        raise CommandError(message, returncode=WRONG_INPUT) from error


def _environment(pairs: list[str]) -> dict[str, str]:
    values: dict[str, str] = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals or name in values:
            problem = "is given twice" if equals else "has no value: write NAME=VALUE"
            raise CommandError(f"environment: {name!a} {problem}", returncode=WRONG_INPUT)
        values[name] = value
    return values
