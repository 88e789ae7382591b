"""The command line as a package of its own."""

import subprocess
import sys
import tomllib
import zipfile
from email.parser import Parser
from pathlib import Path

from ecdeploy import __version__

ROOT = Path(__file__).parents[3]


def test_it_is_built_without_a_network_and_starts_by_itself(tmp_path: Path) -> None:
    uv = Path(sys.prefix) / "bin" / "uv"
    command: list[str | Path] = [uv, "build", "--wheel", "--offline", "--out-dir", tmp_path, ROOT / "cli"]
    built = subprocess.run(command, capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stderr
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "installed")
    (information,) = (tmp_path / "installed").glob("*.dist-info")
    metadata = Parser().parsestr((information / "METADATA").read_text())
    assert (metadata["Name"], metadata["Version"]) == ("ecdeploy", __version__)
    assert "ecdeploy = ecdeploy.main:main" in (information / "entry_points.txt").read_text()
    start = "import sys; from ecdeploy.main import main; assert 'django' not in sys.modules; main()"
    told = subprocess.run(
        [sys.executable, "-c", start, "--version"],
        capture_output=True,
        text=True,
        check=True,
        cwd=tmp_path,
        env={"PYTHONPATH": str(tmp_path / "installed")},
    )
    assert told.stdout == f"ecdeploy, version {__version__}\n"


def test_what_it_needs_is_what_it_is_tested_with() -> None:
    own = tomllib.loads((ROOT / "cli" / "pyproject.toml").read_text())["project"]
    portals = tomllib.loads((ROOT / "pyproject.toml").read_text())
    assert own["dependencies"] == portals["dependency-groups"]["cli"]
    assert own["version"] == __version__
    assert own["requires-python"] == portals["project"]["requires-python"]
