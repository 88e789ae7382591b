from collections.abc import Iterator

import pytest
from ecdeployer.aws.session import AWS

from tests.aws_stubs import Stub, forget_credentials, stubbed


@pytest.fixture(autouse=True)
def _credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    forget_credentials(monkeypatch)


@pytest.fixture
def aws() -> AWS:
    return AWS("eu-west-1")


@pytest.fixture
def stub(aws: AWS) -> Iterator[Stub]:
    with stubbed(aws) as made:
        yield made
