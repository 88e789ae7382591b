import json
import os
import runpy
import sys
from pathlib import Path
from typing import Any

import pytest

from user_data import ecdeployer_limits

CONFIGURATION = Path(__file__).parents[3] / "user_data" / "ecdeployer_gunicorn.py"


def configured(monkeypatch: pytest.MonkeyPatch, interface: str = "wsgi") -> dict[str, Any]:
    monkeypatch.setenv("ECDEPLOYER_OVERLAY", json.dumps({"interface": interface, "home": "/x/000001"}))
    monkeypatch.syspath_prepend(CONFIGURATION.parent)
    monkeypatch.delitem(sys.modules, "ecdeployer_warmup", raising=False)
    return runpy.run_path(str(CONFIGURATION))


@pytest.fixture
def limited(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> dict[str, Any]:
    """What limits a process, on a machine of eight cores whose one control group is a folder."""
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)))
    monkeypatch.setattr(ecdeployer_limits, "groups", lambda: [str(tmp_path / "gone"), str(tmp_path)])
    return vars(ecdeployer_limits)


@pytest.mark.parametrize(
    ("files", "cores"),
    [
        ({}, 8),
        ({"cpu.max": "max 100000"}, 8),
        ({"cpu.max": "150000 100000"}, 1.5),
        ({"cpu.cfs_quota_us": "-1", "cpu.cfs_period_us": "100000"}, 8),
        ({"cpu.cfs_quota_us": "200000", "cpu.cfs_period_us": "100000"}, 2),
    ],
)
def test_cores_are_those_that_the_group_allows(
    limited: dict[str, Any], tmp_path: Path, files: dict[str, str], cores: float
) -> None:
    for name, text in files.items():
        (tmp_path / name).write_text(text + "\n")
    assert limited["cores"]() == cores


@pytest.mark.parametrize("name", ["memory.max", "memory.limit_in_bytes"])
def test_memory_is_what_the_group_allows(limited: dict[str, Any], tmp_path: Path, name: str) -> None:
    assert limited["memory"]() > 64
    (tmp_path / name).write_text(f"{64 * 2**20}\n")
    assert limited["memory"]() == 64


def test_a_small_machine_has_two_workers_and_asgi_its_own_kind(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0})
    assert configured(monkeypatch)["workers"] == 2
    assert configured(monkeypatch)["worker_class"] == "gthread"
    assert configured(monkeypatch, "asgi")["worker_class"] == "uvicorn_worker.UvicornWorker"
