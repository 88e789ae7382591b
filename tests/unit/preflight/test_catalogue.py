import ast
from pathlib import Path

import pytest
from ecdeployer.preflight import catalogue, catalogue_pages

PACKAGE = Path(catalogue.__file__).parent
DOCS = PACKAGE.parents[2] / "docs" / "findings"


def codes_in_source() -> set[str]:
    """Texts in preflight's modules that are a code of the catalogue, or the first argument of a finding."""
    trees = [ast.parse(path.read_text(encoding="utf-8")) for path in PACKAGE.glob("*.py")]
    nodes = [node for tree in trees for node in ast.walk(tree)]
    texts = {str(node.value) for node in nodes if isinstance(node, ast.Constant)}
    calls = [node for node in nodes if isinstance(node, ast.Call) and _name(node.func).endswith("inding")]
    first = {str(item.value) for call in calls for item in call.args[:1] if isinstance(item, ast.Constant)}
    return (texts & set(catalogue.entries())) | first


def _name(function: ast.expr) -> str:
    return str(getattr(function, "id", getattr(function, "attr", "")))


def test_every_code_is_in_the_catalogue_and_used() -> None:
    assert codes_in_source() == set(catalogue.entries())


@pytest.mark.parametrize("entry", catalogue.entries().values(), ids=lambda entry: entry.code)
def test_an_entry_says_what_it_means_and_what_to_do(entry: catalogue.Entry) -> None:
    assert entry.title
    assert entry.meaning.endswith(".")
    assert entry.remedy.endswith((".", '".'))
    assert set(entry.levels) <= {"error", "warning", "note"}


def test_a_finding_takes_its_level_and_remedy_from_the_catalogue() -> None:
    found = catalogue.finding("debug-on", "DEBUG is True.", path="shop/settings.py", line=3)

    assert (found.level, found.remedy) == ("note", catalogue.entries()["debug-on"].remedy)


def test_a_finding_of_an_unknown_code_is_a_mistake() -> None:
    with pytest.raises(KeyError):
        catalogue.finding("no-such-code", "")


def test_the_pages_are_the_catalogues() -> None:
    written = {path.name: path.read_text(encoding="utf-8") for path in DOCS.glob("*.md")}

    assert written == catalogue_pages.pages(), "python -m ecdeployer.preflight.catalogue_pages docs/findings"


def test_pages_are_written_and_stale_ones_removed(tmp_path: Path) -> None:
    (tmp_path / "gone.md").write_text("old")

    catalogue_pages.main(str(tmp_path))

    assert {path.name for path in tmp_path.iterdir()} == set(catalogue_pages.pages())
