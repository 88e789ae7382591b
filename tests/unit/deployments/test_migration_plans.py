from typing import Any

import pytest
from ecdeployer.deployments.migration_plans import Between, FlagKind, digest, migrations_between
from ecdeployer.deployments.models import Deployment
from ecdeployer.deployments.report_bodies import FLAGS
from ecdeployer.deployments.states import DeploymentState, StepName

from user_data import plan as machine

Kind = Deployment.Kind


def migration(name: str, *kinds: str, reversible: bool = True) -> dict[str, Any]:
    flags = [{"kind": kind, "text": f"{kind} of {name}"} for kind in kinds]
    return {"app": "shop", "name": name, "operations": [], "flags": flags, "reversible": reversible}


def deployment(number: int, *plan: dict[str, Any], **fields: Any) -> Deployment:
    values = {"state": DeploymentState.SUCCEEDED, "kind": Kind.LATER, "plan": list(plan)}
    return Deployment(number=number, **{**values, **fields})


def failed(number: int, step: StepName, *plan: dict[str, Any], **fields: Any) -> Deployment:
    return deployment(number, *plan, state=DeploymentState.FAILED, failed_step=step, **fields)


def between(*later: Deployment) -> Between:
    return migrations_between([deployment(3, migration("0001")), *later], target=deployment(3))


def names(found: Between) -> list[tuple[str, int, bool]]:
    return [(each.name, each.deployment, each.is_certain) for each in found.migrations]


def test_machine_and_portal_mean_the_same() -> None:
    plan = [migration("0001_é"), migration("0002")]
    assert digest(plan) == machine.digest(plan)
    assert digest(plan) != digest(plan[:1])
    assert tuple(FlagKind.values) == machine.KINDS == FLAGS


def test_nothing_lies_between_where_nothing_was_migrated() -> None:
    found = between(deployment(4), deployment(5))
    assert names(found) == []
    assert found.meaning == ["No migration lies between: the database is as deployment 3 left it."]


def test_what_later_deployments_migrated_lies_between_in_their_order() -> None:
    found = between(deployment(5, migration("0003")), deployment(4, migration("0002")))
    assert names(found) == [("0002", 4, True), ("0003", 5, True)]
    assert found.meaning == [
        "Going back undoes no migration: the code of deployment 3 runs on the database as it is now.",
        "They only add to the database, which older code does not notice.",
    ]


@pytest.mark.parametrize(
    ("each", "certain"),
    [
        (failed(4, StepName.HEALTH, migration("0002")), True),
        (failed(4, StepName.START, migration("0002")), True),
        (failed(4, StepName.MIGRATE, migration("0002")), False),
        (failed(4, StepName.COLLECTSTATIC, migration("0002")), False),
        (deployment(4, migration("0002"), state=DeploymentState.CANCELLED), False),
        (deployment(4, migration("0002"), state=DeploymentState.RUNNING), False),
    ],
)
def test_one_that_did_not_get_live_may_have_migrated(each: Deployment, certain: bool) -> None:
    found = between(each)
    assert names(found) == [("0002", 4, certain)]
    assert (
        "Deployment 4 ended early: of its migrations a part may be applied." in found.meaning
    ) is not certain


@pytest.mark.parametrize(
    "each",
    [
        failed(4, StepName.MIGRATE, migration("0002"), failure_code="migrations-unconfirmed"),
        failed(4, StepName.INSTALL, plan=None),
        failed(4, StepName.CONFIGURE, migration("0002")),
        deployment(4, state=DeploymentState.CANCELLED, plan=None),
        deployment(4, state=DeploymentState.QUEUED, plan=None),
        deployment(4, kind="rollback", plan=None),
    ],
)
def test_one_that_did_not_come_to_it_has_not(each: Deployment) -> None:
    found = between(each)
    assert (names(found), found.unknown) == ([], [])


def test_what_a_later_plan_lists_again_was_not_applied_before() -> None:
    found = between(
        failed(4, StepName.MIGRATE, migration("0002"), migration("0003")),
        deployment(5, migration("0003"), migration("0004")),
    )
    assert names(found) == [("0002", 4, False), ("0003", 5, True), ("0004", 5, True)]


def test_what_is_not_known_is_said() -> None:
    unread = {**machine.unread("no such host")}
    found = between(deployment(4, plan=None), deployment(5, plan=None), deployment(6, unread))
    assert found.unknown == [4, 5]
    assert "What was migrated by deployments 4 and 5 is not known." in found.meaning
    assert [str(each) for each in found.migrations] == ["Migrations that could not be read"]
    assert "What the project's own code or SQL changed is not known here: look at it first." in found.meaning


@pytest.mark.parametrize(
    ("kind", "sentence"),
    [
        ("drop", "What it reads or writes of that which was dropped or renamed since will fail."),
        ("rename", "What it reads or writes of that which was dropped or renamed since will fail."),
        ("not-null", "It cannot add rows to tables with a new column that needs a value."),
        ("opaque", "What the project's own code or SQL changed is not known here: look at it first."),
        ("lock", "They only add to the database, which older code does not notice."),
    ],
)
def test_each_flag_means_something_for_older_code(kind: str, sentence: str) -> None:
    assert between(deployment(4, migration("0002", kind))).meaning[1:] == [sentence]


def test_what_cannot_be_undone_is_named() -> None:
    meaning = between(deployment(4, migration("0002", "irreversible", reversible=False))).meaning
    assert meaning[-1] == "Not even by hand can Django undo shop.0002."
