import json
from pathlib import Path
from typing import Any

import pytest

from user_data import fields

DOCUMENT: dict[str, Any] = {
    **dict.fromkeys(fields.PLAIN, "x"),
    **dict.fromkeys(fields.PLAN, "x"),
    "deployment": "00000000-0000-0000-0000-000000000001",
    "release": "000012",
    "rollback_to": "",
    "services": ["redis", "celery"],
    "report_token": "secret",
}


def test_names_and_values_end_with_nul(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "deployment.json"
    path.write_text(json.dumps(DOCUMENT | {"branch": "a\n'$(id)'"}))
    fields.main(str(path))
    words = capsys.readouterr().out.split("\0")[:-1]
    told = dict(zip(words[::2], words[1::2], strict=True))
    assert told["branch"] == "a\n'$(id)'"
    assert told["services"] == "redis celery"
    assert "secret" not in words


@pytest.mark.parametrize(
    "changes",
    [
        {"release": "../../etc"},
        {"release": "000012\n"},
        {"release": "٠٠٠٠١٢"},
        {"deployment": "../" * 12},
        {"rollback_to": "../x"},
    ],
)
def test_names_of_paths_are_checked_again(tmp_path: Path, changes: dict[str, str]) -> None:
    path = tmp_path / "deployment.json"
    path.write_text(json.dumps(DOCUMENT | changes))
    with pytest.raises(SystemExit, match="is not what a portal sends"):
        fields.main(str(path))
