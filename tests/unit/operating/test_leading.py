"""Which beat sends, and what it sends first."""

from collections.abc import Callable
from unittest.mock import Mock, create_autospec

import pytest
from celery import Celery
from celery.beat import ScheduleEntry
from django.db import OperationalError
from django.utils.module_loading import import_string
from ecdeployer.celery import celery_application
from ecdeployer.operating import leading
from ecdeployer.operating.leading import LeadingScheduler
from ecdeployer.session_locks import SessionLock, Work

SCHEDULE = {
    "soon": {"task": "ecdeployer.operating.tasks.beat", "schedule": 5.0},
    "hourly": {"task": "ecdeployer.alerts.tasks.prune", "schedule": 3600.0},
}


class Recording(LeadingScheduler):
    """Sends to nobody."""

    producer = Mock()

    def apply_entry(self, entry: ScheduleEntry, producer: object = None) -> None:
        self.sent = [*getattr(self, "sent", []), entry.name]


Ticks = Callable[..., list[str]]


@pytest.fixture
def lock(monkeypatch: pytest.MonkeyPatch) -> Mock:
    lock: Mock = create_autospec(SessionLock, instance=True)
    monkeypatch.setattr(leading, "SessionLock", Mock(return_value=lock))
    return lock


@pytest.fixture
def tick(lock: Mock) -> Ticks:
    application = Celery("apart", set_as_current=False)
    application.conf.beat_schedule = SCHEDULE
    scheduler = Recording(app=application)

    def ticks(times: int = 4) -> list[str]:
        """What is sent in so many of them; none lets more than a second pass."""
        scheduler.sent = []
        assert max(scheduler.tick() for _ in range(times)) <= 1
        return sorted(map(str, scheduler.sent))

    return ticks


def test_the_settings_name_it() -> None:
    assert import_string(celery_application.conf.beat_scheduler.replace(":", ".")) is LeadingScheduler


def test_who_begins_to_lead_sends_all_of_it_once_and_then_by_the_clock(tick: Ticks, lock: Mock) -> None:
    lock.hold.return_value = True
    assert tick() == ["hourly", "soon"]
    assert tick() == []


def test_who_does_not_lead_sends_nothing_until_it_does(tick: Ticks, lock: Mock) -> None:
    lock.hold.return_value = False
    assert tick() == []
    lock.hold.return_value = True
    assert tick() == ["hourly", "soon"]


def test_a_leader_that_cannot_ask_sends_nothing(tick: Ticks, lock: Mock) -> None:
    lock.hold.return_value = True
    tick()
    lock.hold.side_effect = OperationalError("terminating connection")
    assert tick() == []
    lock.hold.side_effect = None
    assert tick() == ["hourly", "soon"]


def test_the_end_lets_go(lock: Mock) -> None:
    Recording(app=celery_application).close()
    lock.release.assert_called_once()


@pytest.mark.django_db
def test_with_sqlite_whoever_asks_leads() -> None:
    locks = [SessionLock(Work.BEAT) for _ in range(2)]
    assert all(lock.hold() for lock in locks)
