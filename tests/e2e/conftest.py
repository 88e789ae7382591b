import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, sync_playwright

from tests.e2e.machine_bench import Bench, Report, running_bench
from tests.e2e.machine_projects import Files
from tests.lane import LANE


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Debian's Chromium, or the one that CHROMIUM names."""
    # Playwright's event loop lives in this thread, beside the tests' own database connection.
    with pytest.MonkeyPatch.context() as patch, sync_playwright() as playwright:
        patch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")
        program = os.environ.get("CHROMIUM", "/usr/bin/chromium")
        started = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield started
        started.close()


@pytest.fixture(scope="session")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    """A local cloud of these tests' own, with no portal beside it."""
    folder = tmp_path_factory.mktemp("bench")
    state = Path(os.environ.get("LOCALCLOUD_STATE", "/var/lib/localcloud"))
    name, subnet = f"machines{LANE}", f"10.214.{LANE}.0/24"
    with running_bench(folder, name=name, subnet=subnet, port=4977 + LANE, state=state) as running:
        yield running


class Machines:
    """Instances of one test, ended with it."""

    def __init__(self, bench: Bench) -> None:
        self.bench = bench
        self.launched: list[str] = []

    def first(
        self, name: str, files: Files, environment: dict[str, str] | None = None, **changes: Any
    ) -> tuple[str, Report]:
        """A project's first deployment, to its result."""
        commit = self.bench.publish(name, files)
        parameters = self.bench.parameters(name, commit, **changes)
        instance = self.bench.first(parameters, environment)
        self.launched.append(instance)
        return instance, self.bench.report(parameters)

    def again(self, name: str, files: Files, instance: str, *, number: int, **changes: Any) -> Report:
        """A later deployment, to its result and to the command's end."""
        commit = self.bench.publish(name, files)
        parameters = self.bench.parameters(name, commit, number, **changes)
        command = self.bench.again(parameters, instance)
        report = self.bench.report(parameters)
        self.bench.outcome(command, instance)
        return report


@pytest.fixture
def machines(bench: Bench) -> Iterator[Machines]:
    made = Machines(bench)
    yield made
    for instance in made.launched:
        bench.terminate(instance)


LiveSite = Callable[..., str]


@pytest.fixture
def live(machines: Machines) -> LiveSite:
    """Deploys a project and insists that it is live; the instance."""

    def deploy(name: str, files: Files, environment: dict[str, str] | None = None, **changes: Any) -> str:
        instance, report = machines.first(name, files, environment, **changes)
        assert report.result is not None
        assert report.result["state"] == "succeeded", (report.result, report.texts)
        return instance

    return deploy
