"""What must never be allowed is refused, by conditions of which none is in vain."""

import copy
from typing import Any

import pytest

from tests.iam.judging import Evaluator
from tests.iam.never import Case, cases
from tests.iam.requests import PORTAL, Request

CASES = list(cases())
CONDITIONS = [
    (statement["Sid"], operator, key)
    for statement in PORTAL["Statement"]
    for operator, keys in statement.get("Condition", {}).items()
    for key in keys
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.text)
def test_it_is_refused_and_what_the_portal_does_instead_is_allowed(evaluator: Evaluator, case: Case) -> None:
    assert not evaluator.judge(PORTAL, case.never).allowed
    assert not case.ours or evaluator.judge(PORTAL, case.ours).allowed


def statement_of(policy: dict[str, Any], name: str) -> dict[str, Any]:
    [found] = [each for each in policy["Statement"] if each["Sid"] == name]
    return found  # type: ignore[no-any-return]


def asked_for_never(actions: list[str]) -> list[Request]:
    """What is asked by these actions for what must never be, each once."""
    asked = {repr(request): request for case in CASES for request in case.never if request.action in actions}
    return list(asked.values())


@pytest.mark.parametrize(("name", "operator", "key"), CONDITIONS)
def test_without_a_condition_something_of_it_would_be_allowed(
    evaluator: Evaluator, name: str, operator: str, key: str
) -> None:
    policy = copy.deepcopy(PORTAL)
    statement = statement_of(policy, name)
    requests = asked_for_never(statement["Action"])
    before = evaluator.judge(PORTAL, requests).verdicts
    del statement["Condition"][operator][key]
    after = evaluator.judge(policy, requests).verdicts
    assert any(now == "Allowed" != then for then, now in zip(before, after, strict=True))


@pytest.mark.parametrize(
    "service", ["iam", "kms", "s3", "rds", "cloudformation", "codedeploy", "secretsmanager"]
)
def test_a_service_that_the_portal_changes_nothing_of(evaluator: Evaluator, service: str) -> None:
    changes = set(evaluator.judge(PORTAL, [], services=[service]).changes) - {"iam:PassRole"}
    assert len(changes) > 10
    judgement = evaluator.judge(PORTAL, [Request(name, "*") for name in sorted(changes)])
    assert set(judgement.verdicts) == {"ImplicitlyDenied"}
