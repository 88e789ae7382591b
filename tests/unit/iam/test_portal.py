"""The portal's policy, judged by an evaluator that is not ours: all that it asks is allowed, and no more."""

import pytest

from tests.iam import account, judging, recording
from tests.iam.judging import Evaluator, Judgement
from tests.iam.requests import PORTAL, Request, World

ASKED = [
    (call, request)
    for call in recording.known()
    if call.asker == "portal"
    for request in judging.requests_of(call.name, call.given, World())
]


@pytest.fixture(scope="module")
def judgement(evaluator: Evaluator) -> Judgement:
    return evaluator.judge(account.policy_of("PortalRole"), [request for _, request in ASKED])


def test_all_that_the_portal_asks_is_allowed(judgement: Judgement) -> None:
    judged = zip(ASKED, judgement.verdicts, strict=True)
    assert [asked for asked, verdict in judged if verdict != "Allowed"] == []


def test_each_call_is_asked_of_every_kind_of_resource_that_aws_names(
    judgement: Judgement,
) -> None:
    """What is asked for a call stands in tests/iam; AWS's reference says whether any of it was forgotten."""
    kinds: dict[tuple[str, str], set[str]] = {}
    for (call, request), kind in zip(ASKED, judgement.kinds, strict=True):
        kinds.setdefault((f"{call.name} {call.parameters}", request.action), set()).add(kind)
    needed = judgement.needed
    assert [key for key, found in kinds.items() if not found >= set(needed[key[1]])] == []


def test_nothing_is_allowed_that_the_portal_never_asks() -> None:
    allowed = {action for statement in PORTAL["Statement"] for action in statement["Action"]}
    assert allowed - {request.action for _, request in ASKED} == set()


def test_what_changes_the_account_itself_is_left_to_the_operator(evaluator: Evaluator) -> None:
    """To ``ensure_infrastructure``, that is; what both ask makes or changes nothing."""
    both = {call.name for call, _ in ASKED}
    names = {call.name for call in recording.known() if call.asker == "operator"} - both - judging.FREE
    assert names
    verdicts = evaluator.judge(PORTAL, [Request(name, "*") for name in sorted(names)]).verdicts
    assert set(verdicts) == {"ImplicitlyDenied"}
