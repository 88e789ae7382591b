from pathlib import Path

import pytest

ROOT = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A test's folder says what it is, and so what it may reach: the network is closed to unit tests."""
    for item in items:
        part = item.path.relative_to(ROOT).parts[0]
        if part in ("integration", "e2e"):
            item.add_marker(part)
            item.add_marker(pytest.mark.enable_socket)
