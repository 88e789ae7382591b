"""docs/operating.md has a row for every setting, and for nothing else."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_every_setting_has_its_row() -> None:
    source = (ROOT / "ecdeployer/ecdeployer/configuration.py").read_text()
    page = (ROOT / "docs/operating.md").read_text().partition("## Settings")[2].partition("\n## ")[0]
    read = set(re.findall(r'env\.\w+\(\s*"([A-Z_]+)"', source))
    cells = [line.split("|")[1] for line in page.splitlines() if line.startswith("| `")]
    assert read
    assert {name for cell in cells for name in re.findall(r"`([A-Z_]+)`", cell)} == read
