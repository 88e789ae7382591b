"""docs/operating.md tells of three sizes what scripts/aws-up would say of them."""

import re
import tomllib
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from infrastructure import prices
from infrastructure.parameters import read
from infrastructure.templates import Templates

ROOT = Path(__file__).parents[3]
ROW = re.compile(r"^\| (small|medium|large) \| (.+) \| ([\d.]+) \|$", re.MULTILINE)
ROWS = ROW.findall((ROOT / "docs" / "operating.md").read_text())


def test_there_are_three_sizes() -> None:
    assert [size for size, _, _ in ROWS] == ["small", "medium", "large"]


@pytest.mark.parametrize(("size", "told", "dollars"), ROWS)
def test_a_size_costs_what_the_page_says(size: str, told: str, dollars: str) -> None:
    given = tomllib.loads("\n".join(re.findall(r"`(\w+ = [^`]+)`", told)))
    example = read(ROOT / "infrastructure" / "parameters.example.toml")
    lines = prices.estimate(replace(example, **given), Templates())
    assert sum(line.monthly or Decimal("nan") for line in lines) == Decimal(dollars), size
