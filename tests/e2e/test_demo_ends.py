"""How ./scripts/demo ends, and what it leaves: nothing."""

from pathlib import Path

from scripts.stack.running import start, traces


def test_a_demo_leaves_nothing_and_starts_again_after_a_kill(tmp_path: Path) -> None:
    state = tmp_path / "state"
    first = start(state, tmp_path)
    assert first.interrupt() == 0
    assert traces() == []
    start(state, tmp_path).kill()
    third = start(state, tmp_path)
    try:
        assert third.told["Password"] == first.told["Password"]
    finally:
        assert third.interrupt() == 0
    assert traces() == []
