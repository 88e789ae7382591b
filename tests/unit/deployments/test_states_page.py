from pathlib import Path

from ecdeployer.deployments.states_page import render


def test_the_page_is_that_of_the_tables() -> None:
    page = Path(__file__).resolve().parents[3] / "docs" / "states.md"
    assert page.read_text() == render(), "run manage.py states_page"
