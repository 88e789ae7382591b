from collections.abc import Iterator

import pytest

from tests.iam import judging
from tests.iam.judging import Evaluator


@pytest.fixture(scope="session")
def evaluator() -> Iterator[Evaluator]:
    """One process for all questions."""
    with judging.evaluator() as running:
        yield running
