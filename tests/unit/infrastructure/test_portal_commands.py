import os
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from infrastructure import portal_commands
from infrastructure.portal_commands import Portal, portal
from infrastructure.terminal import RefusalError
from tests.unit.infrastructure.conftest import Screen

Write = Callable[[str], None]


@pytest.fixture
def manage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Write:
    """Another program in manage.py's place."""

    def write(program: str) -> None:
        path = tmp_path / "manage.py"
        path.write_text(f"import os, signal, sys, time\n{program}\n")
        monkeypatch.setattr(portal_commands, "MANAGE", path)

    return write


@pytest.fixture
def found(screen: Screen, tmp_path: Path) -> Portal:
    return Portal(screen.terminal, {"RESOURCE_PREFIX": "mine"}, tmp_path / "scratch.sqlite3")


@pytest.mark.parametrize("said", ["is there.", "is what new instances start from."])
def test_the_image_is_read_from_what_the_command_says(
    manage: Write, found: Portal, screen: Screen, said: str
) -> None:
    manage(f"print('[  0 s] looking'); print('Golden image ami-0abc {said}'); print(sys.argv[1:])")
    assert found.golden_image() == "ami-0abc"
    assert screen.text.splitlines() == [
        "  [  0 s] looking",
        f"  Golden image ami-0abc {said}",
        "  ['build_golden_image', '--if-missing']",
    ]


def test_a_failure_is_shown_and_ends_it(manage: Write, found: Portal, screen: Screen) -> None:
    manage("print('CommandError: No default VPC', file=sys.stderr); sys.exit(1)")
    with pytest.raises(RefusalError, match=r"manage.py ensure_infrastructure ended with 1"):
        found.ensure_infrastructure()
    assert "No default VPC" in screen.text


def test_a_command_that_names_no_image(manage: Write, found: Portal) -> None:
    manage("print('hello')")
    with pytest.raises(RefusalError, match="did not say which image"):
        found.golden_image()


def test_no_setting_of_another_portal_is_handed_on(
    manage: Write, screen: Screen, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SETTINGS_PARAMETER_PATH", "/other/portal")
    monkeypatch.setenv("SECRET_KEY", "of another")
    names = ("SETTINGS_PARAMETER_PATH", "SECRET_KEY", "DATABASE_URL", "RESOURCE_PREFIX")
    manage(f"print([os.environ.get(name) for name in {names!r}])")
    with portal(screen.terminal, {"RESOURCE_PREFIX": "mine"}):
        pass
    assert screen.text.startswith("  [None, '")
    assert "of another" not in screen.text
    assert "'sqlite:////tmp" in screen.text
    assert "scratch.sqlite3', 'mine']" in screen.text


def test_ctrl_c_lets_the_command_end_its_builder(manage: Write, found: Portal, screen: Screen) -> None:
    """A terminal's Ctrl-C reaches both; a shell's background jobs ignore it from birth."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    manage(
        "def end(*_):\n    time.sleep(0.3); print('no builder is left', flush=True); sys.exit(130)\n"
        "signal.signal(signal.SIGTERM, end)\nprint('ready', flush=True)\ntime.sleep(30)"
    )

    def interrupt() -> None:
        while "ready" not in screen.text:
            time.sleep(0.01)
        child = Path(f"/proc/{os.getpid()}/task/{os.getpid()}/children").read_text().split()[-1]
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(int(child), signal.SIGTERM)

    threading.Thread(target=interrupt).start()
    with pytest.raises(KeyboardInterrupt):
        found.ensure_infrastructure()
    signal.signal(signal.SIGINT, before)
    assert "no builder is left" in screen.text
