from pathlib import Path

from localcloud import mounts

TABLE = """\
/dev/vda / ext4 rw 0 0
overlay /state/run/a/instances/i-1/root overlay rw 0 0
proc /state/run/a/instances/i-1/root/proc proc rw 0 0
overlay /state/run/ab/instances/i-2/root overlay rw 0 0
nsfs /state/run/a/namespaces/with\\040space nsfs rw 0 0
"""


def test_mounts_below_a_folder_come_deepest_first() -> None:
    assert mounts.below(Path("/state/run/a"), TABLE) == [
        Path("/state/run/a/namespaces/with space"),
        Path("/state/run/a/instances/i-1/root/proc"),
        Path("/state/run/a/instances/i-1/root"),
    ]


def test_a_tree_is_removed_and_none_is_no_error(tmp_path: Path) -> None:
    (tmp_path / "tree/a/b").mkdir(parents=True)
    (tmp_path / "tree/a/b/file").write_text("x")
    (tmp_path / "kept").write_text("x")
    (tmp_path / "tree/link").symlink_to(tmp_path / "kept")

    mounts.remove_tree(tmp_path / "tree")
    mounts.remove_tree(tmp_path / "tree")

    assert [path.name for path in tmp_path.iterdir()] == ["kept"]
