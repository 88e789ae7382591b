import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from infrastructure import parameters
from infrastructure.aws import AWS
from infrastructure.parameters import Parameters
from infrastructure.terminal import Terminal
from tests.aws_stubs import Stub, forget_credentials, stubbed


@pytest.fixture(autouse=True)
def _credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    forget_credentials(monkeypatch)


@dataclass
class Screen:
    """A terminal whose clock goes on only while it sleeps. ``typed`` None: nobody is there."""

    typed: str | None = None
    seconds: float = 0.0
    #: Called instead of the first sleeps: what the world does meanwhile.
    meanwhile: list[Callable[[], object]] = field(default_factory=list)
    out: io.StringIO = field(default_factory=io.StringIO)

    @property
    def terminal(self) -> Terminal:
        answers = None if self.typed is None else io.StringIO(self.typed)
        return Terminal(out=self.out, answers=answers, now=lambda: self.seconds, sleep=self._sleep)

    @property
    def text(self) -> str:
        return self.out.getvalue()

    def _sleep(self, seconds: float) -> None:
        self.seconds += seconds
        if self.meanwhile:
            self.meanwhile.pop(0)()


@pytest.fixture
def screen() -> Screen:
    return Screen()


@pytest.fixture
def given() -> Parameters:
    return parameters.read(parameters.EXAMPLE)


@pytest.fixture(scope="session")
def aws() -> AWS:
    """One for all: botocore reads megabytes for a client, which knows nothing of the test before."""
    return AWS("eu-west-1")


@pytest.fixture
def stub(aws: AWS) -> Iterator[Stub]:
    with stubbed(aws) as made:
        yield made


@pytest.fixture
def parameters_file(tmp_path: Path) -> Callable[..., Path]:
    """The example with some values replaced, and those that are None left out."""

    def write(**changes: Any) -> Path:
        lines = []
        for line in parameters.EXAMPLE.read_text().splitlines():
            key = line.partition(" = ")[0]
            if key in changes:
                value = changes.pop(key)
                line = "" if value is None else f"{key} = {value}"
            lines.append(line)
        lines += [f"{key} = {value}" for key, value in changes.items()]
        path = tmp_path / "account.toml"
        path.write_text("\n".join(lines))
        return path

    return write
