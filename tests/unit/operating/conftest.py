from collections.abc import Iterator
from unittest.mock import Mock

import pytest
from ecdeployer.aws import sts
from ecdeployer.operating import readiness


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch) -> Mock:
    """AWS's answer to who the portal is."""
    asked = Mock(return_value="123456789012")
    monkeypatch.setattr(sts, "account", asked)
    return asked


@pytest.fixture(autouse=True)
def nothing_is_known_yet(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Nor is a part late here because its host is busy with other tests."""
    monkeypatch.setattr(readiness, "LIMIT", 60)
    forget()
    yield
    forget()


def forget() -> None:
    """As when a process has just begun, for what has an answer by now."""
    for check in readiness.CHECKS:
        check._answer = None
