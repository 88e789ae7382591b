from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand

from ...states_page import render

PAGE = Path(__file__).resolve().parents[5] / "docs" / "states.md"


class Command(BaseCommand):
    help = "Write docs/states.md from the tables of transitions."

    def handle(self, **_: Any) -> None:
        PAGE.write_text(render())
        self.stdout.write(f"written: {PAGE}")
