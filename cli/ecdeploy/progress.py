"""A deployment's progress as its page shows it: what runs, a bar with a part for each step, and the steps."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from rich.console import Console, ConsoleOptions, RenderResult
from rich.text import Text

from .portal import Record
from .terminal import line

FINAL = {"succeeded", "failed", "cancelled", "skipped"}
_FINISHED = {"succeeded", "skipped"}
_STYLES = {"succeeded": "green", "running": "yellow", "failed": "red", "skipped": "bright_black"}
_MARKS = {"succeeded": "✓", "running": "▶", "failed": "✗", "skipped": "-"}
_LABELS = {"succeeded": "done", "pending": "waiting"}


@dataclass(frozen=True, kw_only=True)
class Progress:
    """Records of the API: a deployment, and its steps in their order."""

    deployment: Record
    steps: list[Record]

    @property
    def is_final(self) -> bool:
        return self.deployment["state"] in FINAL

    @property
    def finished(self) -> int:
        return sum(step["state"] in _FINISHED for step in self.steps)

    @property
    def current(self) -> Record | None:
        """The step that runs, or else the next one, while the deployment is unfinished."""
        if self.is_final:
            return None
        ahead = [step for step in self.steps if step["state"] not in _FINISHED]
        return next((step for step in ahead if step["state"] == "running"), ahead[0] if ahead else None)

    @property
    def failed(self) -> Record | None:
        if self.deployment["state"] != "failed":
            return None
        return next((step for step in self.steps if step["name"] == self.deployment["failed_step"]), None)

    @property
    def heading(self) -> str:
        """The words of the page."""
        if self.current:
            number = self.steps.index(self.current) + 1
            return f"Step {number} of {len(self.steps)}: {line(self.current['label'])}"
        if self.failed:
            return f"Failed at: {line(self.failed['label'])}"
        state = self.deployment["state"]
        return {"succeeded": "The site went live", "skipped": "Not needed"}.get(
            state, str(state).capitalize()
        )

    @property
    def seconds(self) -> float:
        """From the click to the end, the wait in the queue included."""
        return _seconds(self.deployment["queued_at"], self.deployment["finished_at"])

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        yield Text(
            f"{self.heading}  {duration(self.seconds)}", style="bold", no_wrap=True, overflow="ellipsis"
        )
        yield self._bar(options.max_width)
        for step in self.steps:
            style = _STYLES.get(step["state"], "dim")
            yield Text(
                f"{_MARKS.get(step['state'], '·')} {describe(step)}", style, no_wrap=True, overflow="ellipsis"
            )

    def _bar(self, width: int) -> Text:
        """A part for each step, as wide as the others."""
        parts = max(len(self.steps), 1)
        part = max(min(width, 88) // parts - 1, 1)
        bar = Text(no_wrap=True, overflow="crop")
        for step in self.steps:
            bar.append("━" * part + " ", style=_STYLES.get(step["state"], "bright_black dim"))
        return bar

    def changes(self, before: "Progress | None") -> Iterator[str]:
        """What a log of the progress says: the steps that have moved, each in a line."""
        told = {step["name"]: step["state"] for step in before.steps} if before else {}
        for step in self.steps:
            if step["state"] not in ("pending", told.get(step["name"])):
                yield describe(step)


def describe(step: Record) -> str:
    """``Install dependencies: done (1.7 s)``."""
    state = step["state"]
    text = line(step["label"])
    if state != "pending":
        text += f": {_LABELS.get(state, line(state))}"
    if step["started_at"] and state != "skipped":
        text += f" ({duration(_seconds(step['started_at'], step['finished_at']))})"
    return f"{text}  {line(step['message'])}" if step["message"] else text


def duration(seconds: float) -> str:
    if seconds < 10:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


def _seconds(since: str, until: str | None) -> float:
    end = datetime.fromisoformat(until) if until else datetime.now(UTC)
    return max((end - datetime.fromisoformat(since)).total_seconds(), 0)
