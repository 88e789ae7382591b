"""The order of events on machines, and what follows a failure."""

from typing import Any

import pytest

from scripts.delivery.cloud import Cloud, Command
from scripts.delivery.codedeploy import EVENTS, CodeDeploy, Revision, RollbackError

GOOD, BAD = (
    Revision(key=f"{name}.zip", commit=name * 40, appspec={"hooks": {}}) for name in ("a", "b")
)  # fmt: skip
MACHINES = ["i-1", "i-2"]


class Account(Cloud):
    """Notes what is sent to machines, and lets what was chosen fail."""

    def __init__(self) -> None:
        super().__init__("http://127.0.0.1:1", "10.0.0.1")
        self.told: list[str] = []
        self.failing: set[tuple[str, str, str]] = set()

    def try_to_run(self, ec2_id: str, script: str, *, seconds: int = 120) -> Command:
        event = script.rsplit(" ", 1)[1]
        commit = "a" if "a.zip" in script else "b"
        self.told.append(f"{ec2_id} {event} {commit}")
        failed = (ec2_id, event, commit) in self.failing
        return Command("Failed" if failed else "Success", "why" if failed else "")


class Balancer:
    def __init__(self, account: Account) -> None:
        self.account = account
        self.blocked: set[str] = set(MACHINES)

    def block(self, ec2_id: str) -> None:
        self.blocked.add(ec2_id)
        self.account.told.append(f"{ec2_id} BlockTraffic")

    def allow(self, ec2_id: str) -> None:
        self.blocked.discard(ec2_id)
        self.account.told.append(f"{ec2_id} AllowTraffic")


@pytest.fixture
def account() -> Account:
    return Account()


@pytest.fixture
def group(account: Account) -> CodeDeploy:
    return CodeDeploy(account, Balancer(account), lambda _: None)


def events(account: Account, ec2_id: str) -> list[str]:
    return [line.split()[1] for line in account.told if line.startswith(ec2_id)]


def blocked(group: CodeDeploy) -> Any:
    return group.balancer.blocked  # type: ignore[attr-defined]


def test_machines_go_one_after_the_other_in_the_documented_order(account: Account, group: CodeDeploy) -> None:
    deployment = group.deploy(GOOD, MACHINES)
    assert not deployment.failed
    assert [line.split()[0] for line in account.told] == ["i-1"] * len(EVENTS) + ["i-2"] * len(EVENTS)
    assert events(account, "i-2") == list(EVENTS)
    assert (group.last, blocked(group)) == (GOOD, set())


def test_a_machine_alone_stays_in_the_balancer(account: Account) -> None:
    group = CodeDeploy(account, Balancer(account), lambda _: None, traffic_control=False)
    assert not group.deploy(GOOD, ["i-1"]).failed
    assert events(account, "i-1") == [name for name in EVENTS if "Traffic" not in name]


def test_after_a_failure_the_last_good_revision_comes_back_to_what_was_touched(
    account: Account, group: CodeDeploy
) -> None:
    group.deploy(GOOD, MACHINES)
    account.told.clear()
    account.failing = {("i-1", "ValidateService", "b")}
    deployment = group.deploy(BAD, MACHINES)
    assert deployment.failed == ["i-1"]
    assert deployment.reason == "ValidateService on i-1: why"
    until = list(EVENTS[: EVENTS.index("ValidateService") + 1])
    assert events(account, "i-1") == [*until, *EVENTS]
    assert events(account, "i-2") == []
    assert (group.last, blocked(group)) == (GOOD, set())


def test_a_failure_on_the_second_machine_takes_both_back(account: Account, group: CodeDeploy) -> None:
    group.deploy(GOOD, MACHINES)
    account.told.clear()
    account.failing = {("i-2", "ApplicationStart", "b")}
    assert group.deploy(BAD, MACHINES).failed == ["i-2"]
    assert account.told[-1] == "i-2 AfterAllowTraffic a"
    assert events(account, "i-1").count("ApplicationStart") == 2


def test_the_first_deployment_has_nothing_to_go_back_to(account: Account, group: CodeDeploy) -> None:
    account.failing = {("i-1", "BeforeInstall", "a")}
    assert group.deploy(GOOD, MACHINES).failed == ["i-1"]
    assert group.last is None
    assert blocked(group) == set(MACHINES)


def test_a_rollback_that_fails_is_said(account: Account, group: CodeDeploy) -> None:
    group.deploy(GOOD, MACHINES)
    account.failing = {("i-1", "ApplicationStart", "b"), ("i-1", "ApplicationStart", "a")}
    with pytest.raises(RollbackError, match="the rollback failed as well: ApplicationStart"):
        group.deploy(BAD, MACHINES)
