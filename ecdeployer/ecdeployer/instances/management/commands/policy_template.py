from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand

from ...policy_template import render

TEMPLATE = Path(__file__).resolve().parents[5] / "infrastructure" / "templates" / "portal_policy.yaml"


class Command(BaseCommand):
    help = "Write infrastructure/templates/portal_policy.yaml from the portal's policy."

    def handle(self, **_: Any) -> None:
        TEMPLATE.write_text(render())
        self.stdout.write(f"written: {TEMPLATE}")
