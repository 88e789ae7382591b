from pathlib import Path

from ecdeployer.aws.faults_page import render


def test_the_page_is_that_of_the_table() -> None:
    page = Path(__file__).resolve().parents[3] / "docs" / "faults.md"
    assert page.read_text() == render(), "run python -m ecdeployer.aws.faults_page"
