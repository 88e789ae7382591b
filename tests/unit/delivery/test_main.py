"""What scripts/pipeline hands over, and how it ends, without a cloud."""

import io
import signal
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from infrastructure.terminal import Terminal
from scripts.delivery import __main__ as program
from scripts.delivery.buildspec import BuildError
from scripts.delivery.cloud import Cloud
from scripts.delivery.codedeploy import Deployment, Event, Revision, RollbackError


@dataclass
class FakeDelivery:
    """Builds what it is told, and lets what was chosen fail."""

    terminal: Terminal = field(default_factory=lambda: Terminal(io.StringIO(), None))
    neighbours: Any = field(default_factory=lambda: SimpleNamespace(url="http://10.0.0.9"))
    prepared: int = 0
    built: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    deployed: list[str] = field(default_factory=list)
    failing: dict[str, Exception | str] = field(default_factory=dict)

    @property
    def said(self) -> str:
        assert isinstance(self.terminal.out, io.StringIO)
        return self.terminal.out.getvalue()

    def prepare(self, *, machines: int) -> None:
        self.prepared = machines

    def build(self, _repository: Path, commit: str, variables: Mapping[str, str]) -> Revision:
        self.built.append((commit, dict(variables)))
        if isinstance(self.failing.get(commit), BuildError):
            raise BuildError(str(self.failing[commit]))
        return Revision(key=f"{commit}.zip", commit=commit, appspec={})

    def deploy(self, revision: Revision) -> Deployment:
        self.deployed.append(revision.commit)
        failure = self.failing.get(revision.commit)
        if isinstance(failure, Exception):
            raise failure
        events = [Event("i-1", "ValidateService", succeeded=not failure, seconds=1, text=failure or "")]
        return Deployment("d-1", revision, events)


@pytest.fixture
def delivery(monkeypatch: pytest.MonkeyPatch) -> FakeDelivery:
    delivery = FakeDelivery()

    @contextmanager
    def local_cloud(**_: Any) -> Iterator[Cloud]:
        yield Cloud("http://127.0.0.1:1", "10.0.0.1")

    monkeypatch.setattr(program, "local_cloud", local_cloud)
    monkeypatch.setattr(program, "Delivery", lambda *_: delivery)
    monkeypatch.setattr(signal, "signal", lambda *_: None)
    return delivery


@pytest.mark.parametrize(
    ("arguments", "variables"),
    [
        ([], {}),
        (["--tests", "unit"], {"TESTS": "unit"}),
        (["--checks", "ruff mypy", "--tests", ""], {"CHECKS": "ruff mypy", "TESTS": ""}),
    ],
)
def test_what_was_not_given_is_left_to_the_build_specification(
    delivery: FakeDelivery, arguments: list[str], variables: dict[str, str]
) -> None:
    assert program.main(arguments) == 0
    assert delivery.built == [("HEAD", variables)]
    assert (delivery.prepared, delivery.deployed) == (1, ["HEAD"])


def test_commits_come_one_after_the_other(delivery: FakeDelivery) -> None:
    assert program.main(["--machines", "2", "one", "two"]) == 0
    assert (delivery.prepared, delivery.deployed) == (2, ["one", "two"])
    assert "two is live: http://10.0.0.9" in delivery.said


def test_a_build_that_fails_is_not_deployed(delivery: FakeDelivery) -> None:
    delivery.failing["one"] = BuildError("FAILED build: false")
    assert program.main(["one", "two"]) == 1
    assert delivery.deployed == []
    assert "the build failed\nFAILED build: false\n" in delivery.said


@pytest.mark.parametrize(("commits", "code"), [(["bad"], 1), (["bad", "good"], 0)])
def test_after_one_that_was_rolled_back_the_next_one_counts(
    delivery: FakeDelivery, commits: list[str], code: int
) -> None:
    delivery.failing["bad"] = "not ready"
    assert program.main(commits) == code
    assert delivery.deployed == commits
    assert "failed: ValidateService on i-1: not ready" in delivery.said


def test_a_rollback_that_fails_ends_it_without_a_traceback(delivery: FakeDelivery) -> None:
    delivery.failing["one"] = RollbackError("the rollback failed as well: ApplicationStart on i-1: why")
    assert program.main(["one", "two"]) == 1
    assert delivery.deployed == ["one"]
    [line] = delivery.said.splitlines()
    assert line.endswith("] the rollback failed as well: ApplicationStart on i-1: why")
