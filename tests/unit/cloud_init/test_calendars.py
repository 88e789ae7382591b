"""Cron's five fields in systemd's words, and what cannot be said."""

import pytest
from ecdeployer.cloud_init import calendars

from tests.unit.hostile.corpus import CORPUS


@pytest.mark.parametrize(
    ("cron", "told"),
    [
        ("* * * * *", "*-*-* *:*:00 UTC"),
        ("*/15 * * * *", "*-*-* *:00,15,30,45:00 UTC"),
        ("30 4 * * mon-fri", "Mon,Tue,Wed,Thu,Fri *-*-* 04:30:00 UTC"),
        ("0 22-2 * * *", "*-*-* 00,01,02,22,23:00:00 UTC"),
        ("5,10 0 1 */3 *", "*-01,04,07,10-01 00:05,10:00 UTC"),
        ("0 0 29 2 *", "*-02-29 00:00:00 UTC"),
        ("0 0 * * SUN", "Sun *-*-* 00:00:00 UTC"),
        ("0 0 * * 0-6", "*-*-* 00:00:00 UTC"),
        ("0 0 31 * *", "*-*-31 00:00:00 UTC"),
    ],
)
def test_systemd_is_told_the_same(cron: str, told: str) -> None:
    assert calendars.read(cron) == told


@pytest.mark.parametrize(
    ("cron", "why"),
    [
        ("", "Found 0 words"),
        ("* * * *", "Found 4 words"),
        ("* * * * * *", "Found 6 words"),
        ("@daily", "Found 1 words"),
        ("60 * * * *", "as the minute. Write numbers from 0 to 59"),
        ("* 24 * * *", "as the hour"),
        ("* * 0 * *", "as the day. Write numbers from 1 to 31"),
        ("* * * 13 *", "as the month"),
        ("* * * * 7", "Write 0 for Sunday"),
        ("* * * * 5-7", "Write 0 for Sunday"),
        ("*/0 * * * *", "as the minute"),
        ("1, * * * *", "as the minute"),
        ("5/10 * * * *", "as the minute"),
        ("1;id * * * *", "Write numbers, and *"),
        ("%i * * * *", "Write numbers, and *"),
        ("٣ * * * *", "Write numbers, and *"),
        ("0 0 1 * mon", "cron runs it on either"),
        ("0 0 31 2,4 *", "Found day 31 of a month that has 30"),
        ("0 0 30 2 *", "It would never run"),
        ("1" * 200 + " * * * *", "A schedule has five"),
    ],
)
def test_what_cannot_be_said_exactly_is_refused(cron: str, why: str) -> None:
    with pytest.raises(calendars.CalendarError) as refused:
        calendars.read(cron)
    assert why in str(refused.value)
    assert len(str(refused.value)) < 200


@pytest.mark.parametrize("text", [text for text in CORPUS["everywhere"] if text != "*"])
def test_no_hostile_text_is_a_time(text: str) -> None:
    for cron in (text, f"{text} * * * *", f"* * * * {text}"):
        with pytest.raises(calendars.CalendarError):
            calendars.read(cron)
