import os
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from ecdeployer.preflight.tree import TEXT_BYTES, Tree, decode

Plant = Callable[[Mapping[str, str | bytes]], Path]


def test_names_are_told_from_the_root(plant: Plant) -> None:
    tree = Tree(plant({"a/b.py": "", "a/c/d.py": "", "e": "", ".git/config": ""}))
    assert (tree.files(), tree.files("a"), tree.directories("a")) == (["e"], ["a/b.py"], ["a/c"])
    assert (tree.directories(), tree.glob("*.py")) == (["a"], ["a/b.py", "a/c/d.py"])
    assert all(map(tree.exists, ("a", "./a/b.py", ".")))
    assert tree.is_file("a/c/../b.py")
    assert not tree.exists(".git/config")
    assert not tree.is_file("a")


def test_nothing_outside_is_reached(plant: Plant, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("secret")
    root = plant({"a": "a"})
    (root / "link").symlink_to("../secret")
    (root / "folder").symlink_to(tmp_path)
    (root / "loop").symlink_to("loop")
    tree = Tree(root)
    assert tree.links_outside == ("folder", "link")
    for path in ("link", "../secret", "folder/secret", str(tmp_path / "secret"), "loop"):
        assert tree.text(path) is None
        assert not tree.is_file(path)


def test_a_link_to_a_file_inside_reads_as_the_file(plant: Plant) -> None:
    root = plant({"real": "text"})
    (root / "link").symlink_to("real")
    read = Tree(root).text("link")
    assert read is not None
    assert read.text == "text"


def test_a_file_that_becomes_a_link_after_the_look_is_not_followed(plant: Plant, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("secret")
    root = plant({"a": "a"})
    tree = Tree(root)
    assert tree.is_file("a")
    (root / "a").unlink()
    (root / "a").symlink_to(tmp_path / "secret")
    assert tree.text("a") is None


def test_what_is_no_regular_file_is_not_opened(plant: Plant) -> None:
    root = plant({"a": "a"})
    os.mkfifo(root / "pipe")
    tree = Tree(root)
    assert tree.files() == ["a"]
    assert tree.text("pipe") is None


def test_a_file_larger_than_any_source_is_not_read(plant: Plant) -> None:
    tree = Tree(plant({"small": "a" * TEXT_BYTES, "large": "a" * (TEXT_BYTES + 1)}))
    assert tree.text("small") is not None
    assert tree.text("large") is None


def test_names_that_cannot_be_shown_are_passed_over(plant: Plant) -> None:
    root = plant({"good": ""})
    (root / "bad\nname").touch()
    Path(os.fsdecode(os.fsencode(root) + b"/\xff")).touch()
    assert Tree(root).files() == ["good"]


@pytest.mark.parametrize(
    ("content", "text", "encoding"),
    [
        (b"a\r\nb", "a\nb", "utf-8"),
        ("\u00e9".encode(), "\u00e9", "utf-8"),
        ("x=1".encode("utf-8-sig"), "x=1", "utf-8-sig"),
        ("x=1".encode("utf-16"), "x=1", "utf-16"),
        ("x=1\n".encode("utf-16-le"), "x=1\n", "utf-16-le"),
        ("x=1\n".encode("utf-16-be"), "x=1\n", "utf-16-be"),
        (b"caf\xe9", "caf\u00e9", "latin-1"),
    ],
)
def test_texts_in_the_encodings_that_people_have(content: bytes, text: str, encoding: str) -> None:
    read = decode(content)
    assert read is not None
    assert (read.text, read.encoding) == (text, encoding)


def test_bytes_are_no_text() -> None:
    assert decode(b"SQLite format 3\0abcdefghijklmnopqrstuvwxyz") is None
