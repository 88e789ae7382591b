from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.iam import recording

ROOT = Path(__file__).parent
#: What starts machines for the integration tests, or mounts: a build has neither.
BOOTING = ("running_stack", "running_site", "running_server")


@pytest.fixture(scope="session", autouse=True)
def calls_of_the_portal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Each is one that tests/unit/iam has judged."""
    folder = tmp_path_factory.mktemp("calls")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(recording.FOLDER, str(folder))
        recording.install()
        yield
    new = recording.unknown(folder)
    assert not new, (
        f"the portal has asked AWS what tests/iam/calls.json does not list: {new}. "
        f"Run these tests once more with {recording.ADDING}=1, then tests/unit/iam."
    )


def pytest_itemcollected(item: pytest.Item) -> None:
    """A test's folder says what it is, and so what it may reach: the network is closed to unit tests."""
    part = item.path.relative_to(ROOT).parts[0]
    if part in ("integration", "e2e"):
        item.add_marker(part)
        item.add_marker(pytest.mark.enable_socket)
    if part == "integration" and _boots(item):
        item.add_marker("machines")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    _keep_in_order(items)


def _boots(item: pytest.Item) -> bool:
    """Whether the module starts a local cloud, by the names that it imports for that."""
    module = getattr(item, "module", None)
    return "localcloud" in item.path.parts or any(hasattr(module, name) for name in BOOTING)


def _keep_in_order(items: list[pytest.Item]) -> None:
    """A module that says IN_ORDER tells the story of one machine: its tests run as they stand, unshuffled."""
    places: dict[Any, list[int]] = {}
    for place, item in enumerate(items):
        module = getattr(item, "module", None)
        if getattr(module, "IN_ORDER", False):
            places.setdefault(module, []).append(place)
    for found in places.values():
        told = sorted((items[place] for place in found), key=_as_written)
        for place, item in zip(found, told, strict=True):
            items[place] = item


def _as_written(item: pytest.Item) -> tuple[int, list[int]]:
    """The line, and which of its parameters."""
    call = getattr(item, "callspec", None)
    return item.reportinfo()[1] or 0, list(call.indices.values()) if call else []
