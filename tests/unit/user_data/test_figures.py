import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from user_data import figures

NOON = 29_400_720 * 60
AT = "2026-11-26T12:00:00+00:00"


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


@pytest.fixture
def places(tmp_path: Path) -> figures.Places:
    """A machine of two cores that has idled, with a log of one request."""
    write(tmp_path / "proc/stat", "cpu  100 0 100 800 0 0 0 0 0 0\ncpu0 1 2 3\n")
    write(tmp_path / "proc/meminfo", "MemTotal: 1000 kB\nMemFree: 100 kB\nMemAvailable: 750 kB\n")
    write(tmp_path / "run/nginx.pid", "4711\n")
    log = tmp_path / "var/log/nginx/ecdeployer.access.log"
    write(log, f'{AT} 200 0.100 GET "/before" 5 192.0.2.1 "x"\n')
    (tmp_path / "etc/systemd/system").mkdir(parents=True)
    made = figures.Places(str(tmp_path))
    figures.sample(made, now=NOON)
    return made


def ask(places: figures.Places, *lines: str) -> None:
    with Path(places.log).open("a", encoding="utf-8") as file:
        file.writelines(f"{line}\n" for line in lines)


def took(seconds: str, status: int = 200) -> str:
    return f'{AT} {status} {seconds} GET "/" 5 192.0.2.1 "Mozilla"'


def next_line(places: figures.Places, minutes: int = 1) -> list[str]:
    return figures.sample(places, now=NOON + 60 * minutes).split()


def test_the_first_line_has_what_the_machine_did_since_its_boot_and_no_request(
    places: figures.Places,
) -> None:
    [line] = figures.read_lines(places)
    minute, processor, memory, disk, *requests = line.split()
    assert (minute, processor, memory) == (str(NOON // 60 - 1), "20.0", "25.0")
    assert 0 < float(disk) <= 100
    assert requests == ["0", "0", "-", "-"]


def test_a_minute_has_what_changed_in_it(places: figures.Places, tmp_path: Path) -> None:
    write(tmp_path / "proc/stat", "cpu  150 0 100 830 10 0 0 10 0 0\n")
    ask(places, *[took("0.010")] * 18, took("1.500"), took("2.000", 502))
    _, processor, _, _, requests, errors, middle, slow = next_line(places)
    assert processor == "60.0"
    assert (requests, errors, middle, slow) == ("20", "1", "10", "1500")
    assert next_line(places, 2)[4:] == ["0", "0", "-", "-"]


def test_a_machine_that_booted_anew_counts_from_there(places: figures.Places, tmp_path: Path) -> None:
    write(tmp_path / "proc/stat", "cpu  30 0 0 70 0 0 0 0 0 0\n")
    assert next_line(places)[1] == "30.0"


@pytest.mark.parametrize(
    "line",
    [
        "",
        "nonsense",
        "\x00\x1b[31m 500 9.999 ",
        f"{AT} 500 -1.000 GET",
        f"{AT} 500 1e9.000 GET",
        f"{AT} 500 . GET",
        f"{AT} 5000 1.000 GET",
        f"{AT} 200 {'9' * 400}.000 GET",
        "500 1.000 GET",
        "é" * 5000,
    ],
)
def test_a_line_that_is_none_of_nginxs_counts_for_nothing(places: figures.Places, line: str) -> None:
    ask(places, line, took("0.250"))
    assert next_line(places)[4:] == ["1", "0", "250", "250"]


def test_what_a_visitor_puts_into_a_line_is_not_taken_for_its_fields(places: figures.Places) -> None:
    ask(places, f'{AT} 200 0.004 GET "/\\x0A{AT} 500 9.000 " 5 192.0.2.1 "{took("7.000", 500)}"')
    assert next_line(places)[4:] == ["1", "0", "4", "4"]


def test_a_line_that_is_still_being_written_belongs_to_the_next_minute(places: figures.Places) -> None:
    with Path(places.log).open("a") as file:
        file.write(took("0.001") + "\n" + took("0.002")[:40])
    assert next_line(places)[4] == "1"
    with Path(places.log).open("a") as file:
        file.write(took("0.002")[40:] + "\n")
    assert next_line(places, 2)[4:] == ["1", "0", "2", "2"]


def test_a_log_that_was_rotated_is_read_to_its_end(places: figures.Places) -> None:
    ask(places, took("0.001"))
    Path(places.log).rename(f"{places.log}.1")
    ask(places, took("0.003"), took("0.003"))
    assert next_line(places)[4:] == ["3", "0", "3", "3"]


def test_a_log_that_was_emptied_or_is_away_is_no_error(places: figures.Places) -> None:
    Path(places.log).write_text(took("0.001") + "\n")
    os.truncate(places.log, 0)
    assert next_line(places)[4] == "0"
    Path(places.log).unlink()
    assert next_line(places, 2)[4] == "0"
    ask(places, took("0.001"))
    next_line(places, 3)
    ask(places, took("0.001"))
    assert next_line(places, 4)[4] == "1"


def test_a_log_that_grew_large_is_moved_aside_and_nginx_told(
    places: figures.Places, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[tuple[int, int]] = []
    monkeypatch.setattr(os, "kill", lambda process, number: told.append((process, number)))
    monkeypatch.setattr(figures, "ROTATED", 100)
    ask(places, took("0.001"), took("0.001"))
    assert next_line(places)[4] == "2"
    assert told == [(4711, signal.SIGUSR1)]
    assert not Path(places.log).exists()


def test_no_more_is_read_than_a_minute_has_time_for(
    places: figures.Places, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(figures, "READ", 200)
    ask(places, *[took("0.001")] * 50)
    assert 0 < int(next_line(places)[4]) < 5
    assert next_line(places, 2)[4] == "0"


def test_a_control_group_that_allows_less_is_what_counts(places: figures.Places, tmp_path: Path) -> None:
    group = tmp_path / "sys/fs/cgroup"
    write(group / "memory.max", "500000\n")
    write(group / "memory.current", "300000\n")
    write(group / "memory.stat", "anon 1\ninactive_file 50000\n")
    assert next_line(places)[2] == "50.0"
    write(group / "memory.max", "max\n")
    assert next_line(places, 2)[2] == "25.0"


def test_no_minute_has_two_lines_and_a_clock_that_ran_ahead_does_no_harm(places: figures.Places) -> None:
    assert next_line(places)
    assert next_line(places) == []
    assert next_line(places, 500)
    assert next_line(places, 2)


def test_an_answer_begins_where_it_is_asked_and_ends_where_aws_would_cut(places: figures.Places) -> None:
    for minute in range(1, 200):
        next_line(places, minute)
    first = NOON // 60 + 50
    lines = figures.answer(places, first).split("\n")
    assert lines[0].startswith(f"{first} ")
    assert len("\n".join(lines)) <= figures.PRINTED
    assert 50 < len(lines) < 149
    assert figures.answer(places, NOON) == ""


def test_half_a_line_is_left_out(places: figures.Places) -> None:
    with Path(places.lines).open("a") as file:
        file.write("29400")
    assert next_line(places)
    assert len(figures.answer(places, 0).split("\n")) == 2
    assert next_line(places, 2)
    assert len(figures.answer(places, 0).split("\n")) == 3


def test_what_is_old_is_forgotten(places: figures.Places, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(figures, "KEPT", 20)
    monkeypatch.setattr(figures, "DAY", 10)
    for minute in range(1, 100):
        next_line(places, minute)
        assert len(figures.read_lines(places)) <= 31
    assert len(figures.read_lines(places)) >= 20


def test_it_is_installed_once(places: figures.Places, monkeypatch: pytest.MonkeyPatch) -> None:
    ran: list[list[str]] = []

    def run(command: list[str], **_: Any) -> None:
        ran.append(command)

    monkeypatch.setattr(subprocess, "run", run)
    figures.install(places)
    assert len(ran) == 2
    figures.install(places)
    assert len(ran) == 2
    assert "OnCalendar" in Path(places.units, "ecdeployer-figures.timer").read_text()


def test_a_minute_of_much_traffic_takes_little(places: figures.Places) -> None:
    """100 requests a second: in a process of its own, with its start."""
    ask(places, *[took(f"0.{number % 1000:03}") for number in range(6000)])
    program = (
        "import sys, time; sys.path.insert(0, '.'); from user_data import figures;"
        f"print(figures.sample(figures.Places({places.proc[:-5]!r}), now={NOON + 60}));"
        "peak = open('/proc/self/status').read().partition('VmHWM:')[2].split()[0];"
        "print(time.process_time(), peak)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    line, used = done.stdout.splitlines()
    assert line.split()[4] == "6000"
    seconds, kibibytes = used.split()
    assert float(seconds) < 1
    assert int(kibibytes) < 24_000
