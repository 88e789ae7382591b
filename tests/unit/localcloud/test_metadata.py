import pytest

from localcloud import metadata
from localcloud.metadata import Sessions

TREE = {"instance-id": "i-1", "placement": {"region": "eu-west-1"}, "iam": {"role": lambda: "secret"}}


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("", "instance-id\nplacement/\niam/"),
        ("instance-id", "i-1"),
        ("instance-id/", "i-1"),
        ("placement", "region"),
        ("placement/", "region"),
        ("placement/region", "eu-west-1"),
        ("iam/role", "secret"),
        ("iam/other", None),
        ("instance-id/deeper", None),
        ("../instance-id", None),
    ],
)
def test_paths_lead_to_values_and_lists(path: str, found: str | None) -> None:
    assert metadata.look_up(TREE, path) == found


def test_a_token_is_good_for_its_machine_and_its_time() -> None:
    now = [0.0]
    sessions = Sessions(lambda: now[0])
    token = sessions.open("i-1", seconds=60)

    assert sessions.hold(token, "i-1")
    assert not sessions.hold(token, "i-2")
    assert not sessions.hold("guess", "i-1")
    now[0] = 60.0
    assert not sessions.hold(token, "i-1")


def test_old_tokens_are_forgotten() -> None:
    now = [0.0]
    sessions = Sessions(lambda: now[0])
    for _ in range(5):
        sessions.open("i-1", seconds=1)
    now[0] = 2.0
    sessions.open("i-1", seconds=1)

    assert len(sessions._given) == 1
