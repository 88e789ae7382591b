"""The portal's policy, judged by an evaluator that is not ours: all that it asks is allowed, and no more."""

import json
import re
from typing import Any

import pytest

from tests.iam import judging, recording, s3
from tests.iam.judging import Evaluator, Judgement
from tests.iam.requests import PORTAL, Request, World
from tests.stack_templates import find

ASKED = [
    (call, request)
    for call in recording.known()
    if call.asker == "portal"
    for request in judging.requests_of(call.name, call.given, World())
]


def role() -> dict[str, Any]:
    """The policy with what the account's stack adds for the portal's machines: their bucket of backups."""
    machine = json.dumps(find("roles", "PortalRole").properties["Policies"])
    for word, value in {"${AWS::Partition}": "aws", "${BackupBucket}": s3.BUCKET}.items():
        machine = machine.replace(word, value)
    statements = re.sub(r'\{"Fn::Sub": ("arn:aws:s3[^"]*")\}', r"\1", machine)
    [policy] = json.loads(statements)
    own = [
        each for each in policy["PolicyDocument"]["Statement"] if each["Sid"] in ("Backups", "ListBackups")
    ]
    return {**PORTAL, "Statement": [*PORTAL["Statement"], *own]}


@pytest.fixture(scope="module")
def judgement(evaluator: Evaluator) -> Judgement:
    return evaluator.judge(role(), [request for _, request in ASKED])


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
