import json
from pathlib import Path
from typing import Any

import pytest

from user_data import plan, report, verdict

DROP = {"kind": "drop", "text": "Drops the column price of shop_product."}
MIGRATION = {
    "app": "shop",
    "name": "0002_m",
    "operations": ["Remove field"],
    "flags": [DROP],
    "reversible": True,
}


def write(state: Path, migrations: Any, *, unread: str = "", **parameters: Any) -> str:
    (state / "plan.json").write_text(json.dumps({"migrations": migrations, "unread": unread}))
    given = {"confirm_migrations": True, "confirmed_plan": "", **parameters}
    (state / "deployment.json").write_text(json.dumps(given))
    return str(state)


def test_a_plan_is_read_as_it_was_told(tmp_path: Path) -> None:
    assert plan.read(str(tmp_path)) is None
    assert plan.read(write(tmp_path, [MIGRATION])) == [MIGRATION]


@pytest.mark.parametrize(
    "migrations",
    [
        3,
        ["x"],
        [{}],
        [{**MIGRATION, "app": "a\nb"}],
        [{**MIGRATION, "name": "x" * 256}],
        [{**MIGRATION, "name": 1}],
        [{**MIGRATION, "flags": [{"kind": "harmless", "text": ""}]}],
        [{**MIGRATION, "flags": [{"kind": [], "text": ""}]}],
        [{**MIGRATION, "operations": None}],
    ],
)
def test_what_is_no_plan_is_one_that_could_not_be_read(tmp_path: Path, migrations: Any) -> None:
    (found,) = plan.read(write(tmp_path, migrations)) or []
    assert found["name"] == ""
    assert found["flags"][0]["text"].startswith("The plan could not be read: ")


def test_a_file_that_is_no_json_is_one_too(tmp_path: Path) -> None:
    (tmp_path / "plan.json").write_text("[" * 100_000)
    assert [each["app"] for each in plan.read(str(tmp_path)) or []] == [""]
    (tmp_path / "plan.json").write_text("")
    assert [each["app"] for each in plan.read(str(tmp_path)) or []] == [""]


def test_a_plan_of_any_size_fits_in_a_report(tmp_path: Path) -> None:
    flag = {"kind": "opaque", "text": "x" * 300}
    large = {**MIGRATION, "operations": ["é" * 300] * 60, "flags": [flag] * 60}
    found = plan.read(write(tmp_path, [{**large, "name": f"{number:04d}"} for number in range(30)])) or []
    assert [each["name"] for each in found] == [f"{number:04d}" for number in range(30)]
    assert all(each["flags"] for each in found)
    assert len(json.dumps(found)) < 128 * 1024


def test_what_drops_waits_until_this_very_plan_is_confirmed(tmp_path: Path) -> None:
    state = write(tmp_path, [MIGRATION])
    with pytest.raises(SystemExit):
        plan.settle(state)
    code, reason = verdict.given_reason(state) or ("", "")
    assert code == "migrations-unconfirmed"
    assert "Drops the column price of shop_product." in reason
    other = {**MIGRATION, "name": "0003_m"}
    with pytest.raises(SystemExit):
        plan.settle(write(tmp_path, [MIGRATION, other], confirmed_plan=plan.digest([MIGRATION])))
    assert plan.settle(write(tmp_path, [MIGRATION], confirmed_plan=plan.digest([MIGRATION]))) == 1


@pytest.mark.parametrize("kind", ["not-null", "irreversible", "opaque"])
def test_other_flags_are_told_and_wait_for_nobody(
    tmp_path: Path, kind: str, capsys: pytest.CaptureFixture[str]
) -> None:
    flag = {"kind": kind, "text": "Look at this."}
    assert plan.settle(write(tmp_path, [{**MIGRATION, "flags": [flag]}])) == 1
    assert capsys.readouterr().err == f"shop.0002_m\n  {kind}: Look at this.\n"


def test_nothing_waits_where_nobody_asked_for_it(tmp_path: Path) -> None:
    assert plan.settle(write(tmp_path, [MIGRATION], confirm_migrations=False)) == 1
    assert plan.settle(write(tmp_path, [])) == 0
    assert plan.settle(write(tmp_path, [], unread="no such host")) == 1


def test_a_report_has_the_plan_once_without_secrets(tmp_path: Path) -> None:
    identity = "0" * 36
    state = tmp_path / identity
    state.mkdir()
    secret = {
        **MIGRATION,
        "operations": ["SQL: hunter-two"],
        "flags": [{"kind": "opaque", "text": "hunter-two"}],
    }
    deployment = report.Deployment(identity, state=str(tmp_path), logs=str(tmp_path / "logs"))
    deployment.secrets = ["hunter-two"]
    assert deployment.plan() is None
    write(state, [secret])
    found = deployment.plan() or []
    assert "hunter-two" not in json.dumps(found)
    assert found[0]["name"] == "0002_m"


def test_the_reason_says_where_the_copy_lies(tmp_path: Path) -> None:
    (tmp_path / "failed").write_text("migrate\n")
    (tmp_path / "copies").write_text("/srv/ecdeployer/shared/backups/000002-db.sqlite3\n")
    (tmp_path / "migrate.log").write_text("ValueError: no\n")
    result = verdict.decide(str(tmp_path), str(tmp_path))
    assert result["reason"].endswith("before lies in /srv/ecdeployer/shared/backups/000002-db.sqlite3")
    (tmp_path / "failed").write_text("start\n")
    assert "backups" not in verdict.decide(str(tmp_path), str(tmp_path))["reason"]


def test_a_database_that_could_not_be_copied_has_a_code(tmp_path: Path) -> None:
    words = "The database could not be copied aside: it has 9 bytes, and 1 are free."
    assert verdict.from_log("migrate", f"shop.0002_m\n{words}\n") == ("copy-failed", words)
