import json
from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from ....aws.errors import AWSError
from ....aws.session import AWS, connect
from ... import infrastructure
from ...policies import portal_policy

_ROW = "{:<17} {:<34} {:<8} {}"


class Command(BaseCommand):
    help = "Create or update what the portal needs in the AWS account; run it again at any time."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--show-portal-policy",
            action="store_true",
            help="print the IAM policy that the portal's own role needs, and change nothing",
        )

    def handle(self, *args: Any, show_portal_policy: bool, **options: Any) -> None:
        aws = connect(settings.AWS_REGION, settings.AWS_ENDPOINT_URL)
        try:
            if show_portal_policy:
                policy = portal_policy(infrastructure.scope_of(aws), namespace=settings.CLOUDWATCH_NAMESPACE)
                self.stdout.write(json.dumps(policy, indent=2))
                return
            self._ensure(aws)
        except AWSError as error:
            raise CommandError(error.operator) from None

    def _ensure(self, aws: AWS) -> None:
        self.stdout.write(_ROW.format("RESOURCE", "NAME", "WAS", "DETAIL"))
        lines = []
        for line in infrastructure.ensure(aws):
            lines.append(line)
            row = _ROW.format(line.resource, line.name, line.outcome, line.detail).rstrip()
            self.stdout.write(row if line.outcome == "found" else self.style.SUCCESS(row))
        changes = sum(line.outcome != "found" for line in lines)
        self.stdout.write(
            f"{len(lines)} found, made or changed: {changes} new." if changes else "Nothing to do."
        )
