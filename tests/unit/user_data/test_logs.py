"""A machine's logs, as its script reads them: names and lines are hostile, files turn meanwhile."""

import gzip
import io
import json
import os
import time
from pathlib import Path
from typing import Any

import pytest

from user_data import logs

OURS = "var/log/ecdeployer"


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for folder in (OURS, "var/log/nginx", "var/log/supervisor"):
        (tmp_path / folder).mkdir(parents=True)
    monkeypatch.setattr(logs, "ROOT", str(tmp_path))
    return tmp_path


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch) -> bytearray:
    """What went to stdout."""
    found = bytearray()
    monkeypatch.setattr(logs, "say", found.extend)
    return found


def write(path: Path, content: bytes, *, age: float = 0) -> Path:
    path.write_bytes(content)
    os.utime(path, (time.time() - age, time.time() - age))
    return path


def asked(**changes: Any) -> dict[str, Any]:
    return {
        "source": "web",
        "search": "",
        "lines": 100,
        "minutes": 0,
        "follow": False,
        "whole": False,
    } | changes


def newest(**changes: Any) -> list[bytes]:
    question = asked(**changes)
    return logs.newest(logs.Files(question["source"]), question).splitlines()


def test_the_names_of_logs_come_from_their_files(root: Path) -> None:
    for name in ("site-000001.log", "site-000002.log", "process-worker.log.1", "schedule-7.log"):
        write(root / OURS / name, b"line\n")
    for name in (
        "site-1.log",
        "process-../x.log".replace("/", ":"),
        "site-000001.log\n",
        "deploy.log",
        "a.log",
    ):
        write(root / OURS / name, b"no\n")
    (root / OURS / "process-link.log").symlink_to("/etc/passwd")
    (root / OURS / "process-folder.log").mkdir()
    write(root / "var/log/nginx/ecdeployer.access.log", b"GET\n")
    found = {each["name"]: each["size"] for each in logs.listing()}
    assert found == {"web": 10, "process-worker": 5, "schedule-7": 5, "nginx-access": 4, "system": None}


def test_a_link_that_takes_a_files_place_is_not_followed(root: Path) -> None:
    path = write(root / OURS / "site-000001.log", b"line\n")
    (file,) = logs.files("web")
    path.unlink()
    path.symlink_to("/etc/passwd")
    with pytest.raises(OSError, match="symbolic"):
        logs.opened(file)
    assert newest() == []


def test_the_last_lines_come_from_rotated_and_older_files_too(root: Path) -> None:
    write(root / OURS / "site-000001.log", b"1\n2\n", age=60)
    write(root / OURS / "site-000002.log.1", b"3\n4\n", age=30)
    write(root / OURS / "site-000002.log", b"5\n6", age=0)
    with gzip.open(root / OURS / "site-000001.log.2.gz", "wb") as file:
        file.write(b"0\n")
    os.utime(root / OURS / "site-000001.log.2.gz", (1, 1))
    assert newest(lines=3) == [b"4", b"5", b"6"]
    assert newest() == [b"0", b"1", b"2", b"3", b"4", b"5", b"6"]


def test_lines_across_blocks_are_whole(root: Path) -> None:
    lines = [b"%06d " % number + b"x" * (number % 300) for number in range(2000)]
    write(root / OURS / "site-000001.log", b"\n".join(lines) + b"\n")
    assert newest(lines=500) == lines[-500:]


def test_a_line_of_megabytes_and_bytes_that_are_no_text(root: Path) -> None:
    write(root / OURS / "site-000001.log", b"first\n" + b"y" * 3_000_000 + b"\n\xff\xfe\x1b[31m<b>\x00\n")
    found = newest()
    assert found[-1] == b"\xff\xfe\x1b[31m<b>\x00"
    assert sum(map(len, found)) <= logs.ANSWER
    assert newest(search="<B>") == [b"\xff\xfe\x1b[31m<b>\x00"]


def test_a_search_is_plain_text_in_any_case(root: Path) -> None:
    write(root / OURS / "site-000001.log", "one .* ERROR\ntwo\nStraße error\n".encode())
    assert newest(search=".* error") == [b"one .* ERROR"]
    assert len(newest(search="error")) == 2
    assert newest(search="STRASSE") == ["Straße error".encode()]


def test_lines_without_a_time_belong_to_the_one_before_them(root: Path) -> None:
    def at(minutes: int) -> bytes:
        return time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(time.time() - 60 * minutes)).encode()

    write(root / OURS / "site-000001.log", b"%s old\nTrace\n%s new\nTrace\n" % (at(30), at(5)))
    assert newest(minutes=15) == [at(5) + b" new", b"Trace"]
    write(root / "var/log/nginx/access.log", b'1.2.3.4 - - [01/Jan/2020:00:00:00 +0000] "GET /"\n')
    assert newest(source="nginx-access", minutes=15) == []
    assert logs.dated(b"2020-99-99 00:00:00") is None


def test_what_comes_is_read_once_through_rotation_and_truncation(root: Path) -> None:
    path = write(root / OURS / "site-000001.log", b"old\n")
    log = logs.Files("web")
    assert log.fresh() == b""
    with path.open("ab") as file:
        file.write(b"one\ntw")
    assert log.fresh() == b"one\n"
    with path.open("ab") as file:
        file.write(b"o\n")
    path.rename(root / OURS / "site-000001.log.1")
    write(path, b"three\n")
    assert sorted(log.fresh().splitlines()) == [b"three", b"two"]
    path.write_bytes(b"4\n")
    assert log.fresh() == b"4\n"
    write(root / OURS / "site-000002.log", b"next release\n")
    assert log.fresh() == b"next release\n"
    path.unlink()
    assert log.fresh() == b""


def test_what_comes_too_fast_is_left_out_and_said(
    root: Path, said: bytearray, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(root / OURS / "site-000001.log", b"")
    log, clock = logs.Files("web"), iter([0.0, 1.0, logs.FOLLOWED + 1])

    def pause(_: float) -> None:
        path.write_bytes(b"a line of some length\n" * 100_000)

    monkeypatch.setattr("user_data.logs.time.sleep", pause)
    monkeypatch.setattr("user_data.logs.time.monotonic", lambda: next(clock))
    logs.follow(log, "")
    assert b"too fast" in said
    assert len(said) < logs.SHOWN + 200
    assert said.endswith(b"a line of some length\n")


def test_what_is_followed_can_be_searched(
    root: Path, said: bytearray, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(root / OURS / "site-000001.log", b"")
    log, clock = logs.Files("web"), iter([0.0, 1.0, logs.FOLLOWED + 1])
    monkeypatch.setattr("user_data.logs.time.sleep", lambda _: path.write_bytes(b"one\nTwo\nthree\n"))
    monkeypatch.setattr("user_data.logs.time.monotonic", lambda: next(clock))
    logs.follow(log, "two")
    assert said == b"Two\n"


def test_a_whole_log_is_byte_true_and_bounded(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old, new = bytes(range(256)) * 4 + b"\n", "äöü\r\nlast".encode()
    write(root / OURS / "site-000001.log.1", old, age=60)
    write(root / OURS / "site-000001.log", new)
    assert b"".join(logs.Files("web").whole()) == old + new
    monkeypatch.setattr(logs, "WHOLE", len(new) + 10)
    assert len(b"".join(logs.Files("web").whole())) <= logs.WHOLE


def test_the_answer_begins_with_what_logs_there_are(
    root: Path, said: bytearray, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("user_data.logs.os.nice", lambda _: 0)
    write(root / OURS / "site-000001.log", b"hello\n")
    monkeypatch.setattr("user_data.logs.sys.stdin", io.StringIO(json.dumps(asked())))
    logs.main()
    first, rest = bytes(said).split(b"\n", 1)
    assert [each["name"] for each in json.loads(first)["sources"]] == ["web", "system"]
    assert rest == b"hello\n"
    said.clear()
    elsewhere = asked(source="../../etc/passwd", whole=True)
    monkeypatch.setattr("user_data.logs.sys.stdin", io.StringIO(json.dumps(elsewhere)))
    logs.main()
    assert said.count(b"\n") == 1
