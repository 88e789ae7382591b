from collections.abc import Callable
from dataclasses import fields
from pathlib import Path

import pytest

from infrastructure import parameters
from infrastructure.parameters import Parameters, ParametersError

Write = Callable[..., Path]

WRONG = {
    "a key that is close to one": (
        {"databse_class": '"x"'},
        "databse_class: not a parameter; did you mean database_class?",
    ),
    "a key that is like none": ({"zzz": "1"}, "zzz: not a parameter; remove it"),
    "a required key left out": (
        {"domain": None},
        'domain: missing; add it, such as domain = "portal.example.com"',
    ),
    "text for a number": (
        {"machines": '"2"'},
        'machines: found "2"; write a whole number, without quotes, such as 2',
    ),
    "a fraction": ({"budget_usd": "1.5"}, "budget_usd: found 1.5; write a whole number"),
    "true for a number": ({"machines": "true"}, "machines: found true; write a whole number"),
    "a number for text": ({"branch": "1"}, "branch: found 1; write text in quotes"),
    "text for a switch": (
        {"database_multi_zone": '"yes"'},
        'found "yes"; write true or false, without quotes',
    ),
    "an empty text": ({"branch": '""'}, 'branch: found ""; name a branch'),
    "a trailing newline": ({"prefix": '"one\\n"'}, "prefix: found"),
    "a prefix in capitals": ({"prefix": '"Portal"'}, 'prefix: found "Portal"; use lower-case letters'),
    "a prefix with two hyphens": ({"prefix": '"a--b"'}, "single hyphens"),
    "a prefix too long": ({"prefix": f'"{"a" * 21}"'}, "at most 20"),
    "a region by its name": ({"region": '"Ireland"'}, "name a region such as eu-west-1"),
    "a prefix that Parameter Store has not": ({"prefix": '"ssm-portal"'}, "not aws or ssm"),
    "a domain that no certificate has room for": ({"domain": f'"{"a" * 60}.example"'}, "at most 64 letters"),
    "a URL for a domain": ({"domain": '"https://example.com"'}, "name a host in lower case"),
    "a domain of one part": ({"domain": '"localhost"'}, "name a host in lower case"),
    "a zone with its path": ({"hosted_zone_id": '"/hostedzone/Z1"'}, "without /hostedzone/"),
    "a repository's URL": ({"repository": '"https://github.com/a/b"'}, "write owner/name"),
    "a branch that is an option": ({"branch": '"--upload-pack=x"'}, "name a branch"),
    "another ARN": ({"connection_arn": '"arn:aws:iam::123456789012:role/x"'}, "list-connections"),
    "no address": ({"operator_email": '"me"'}, "write an e-mail address"),
    "no machine": ({"machines": "0"}, "choose 1 to 10"),
    "an ARM machine's odd name": ({"machine_type": '"t3"'}, "name an x86 instance type"),
    "a machine for a database": ({"database_class": '"t4g.micro"'}, "such as db.t4g.micro"),
    "a disk too small": ({"database_storage_gb": "5"}, "choose 20 to 16,384"),
    "a retention that CloudWatch lacks": ({"log_retention_days": "31"}, "choose one of 1, 3, 5"),
    "no backups": ({"backup_retention_days": "0"}, "choose 1 to 35"),
}


def test_the_example_is_a_file_that_is_right_and_has_every_key() -> None:
    found = parameters.read(parameters.EXAMPLE)
    assert found.prefix == "ecdeployer"
    assert {field.name for field in fields(Parameters)} == set(parameters._load(parameters.EXAMPLE))
    assert parameters.RULES.keys() | {"database_multi_zone"} == {field.name for field in fields(Parameters)}


def test_optional_keys_have_the_example_s_values(parameters_file: Write) -> None:
    optional = {field.name for field in fields(Parameters)} - set(parameters.REQUIRED)
    assert parameters.read(parameters_file(**dict.fromkeys(optional))) == parameters.read(parameters.EXAMPLE)


@pytest.mark.parametrize(("changes", "said"), WRONG.values(), ids=WRONG)
def test_wrong(changes: dict[str, str], said: str, parameters_file: Write) -> None:
    with pytest.raises(ParametersError) as caught:
        parameters.read(parameters_file(**changes))
    [problem] = caught.value.problems
    assert said in problem


def test_every_mistake_is_said_at_once(parameters_file: Write) -> None:
    path = parameters_file(domain=None, machines="0", regoin='"eu-west-1"', branch="1")
    with pytest.raises(ParametersError) as caught:
        parameters.read(path)
    assert [problem.partition(":")[0] for problem in caught.value.problems] == [
        "regoin",
        "domain",
        "branch",
        "machines",
    ]
    assert str(caught.value).startswith(f"{path}: 4 things to correct")


def test_no_file_and_no_toml(tmp_path: Path) -> None:
    with pytest.raises(ParametersError, match=r"cannot be read: No such file or directory\. Copy .*example"):
        parameters.read(tmp_path / "none.toml")
    (tmp_path / "odd.toml").write_text("prefix = \n")
    with pytest.raises(ParametersError, match=r"is not TOML: .*line 1"):
        parameters.read(tmp_path / "odd.toml")


def test_what_the_root_template_takes(given: Parameters) -> None:
    found = given.for_root()
    assert found["DatabaseMultiZone"] == "false"
    assert found["DatabaseStorageGb"] == "20"
    assert found["BudgetUsd"] == "150"
    assert "Region" not in found
