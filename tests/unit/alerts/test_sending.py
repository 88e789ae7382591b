"""The outbox: each event once through each channel, whatever dies and whatever does not answer."""

import json
import smtplib
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.core import mail
from django.core.mail import EmailMessage
from django.utils import timezone
from ecdeployer.alerts import outbox, sending
from ecdeployer.alerts.models import AlertSettings, Notification
from ecdeployer.applications.models import Application
from ecdeployer.outbound import Answer, RefusedError, UnansweredError

from .conftest import HOOK, TOKEN, Internet, now_due

pytestmark = pytest.mark.django_db
Put = Callable[..., Notification]


def tell(rules: AlertSettings) -> list[Notification]:
    return outbox.tell(
        rules, key="deployment 1", subject="Deployment 1 failed\n", text="because", tone="bad", path="/x/"
    )


def test_an_event_goes_out_once_through_each_channel(rules: AlertSettings, internet: Internet) -> None:
    told = tell(rules) + tell(rules)
    assert Notification.objects.count() == 2
    for each in [*told, *told]:
        sending.send(each.pk)
    [message] = mail.outbox
    [(url, body, _)] = internet.posted
    assert message.to == ["ines@example.com"]
    assert message.subject == "[EC Django Deployer] Deployment 1 failed"
    assert message.extra_headers["Message-ID"].startswith(f"<{told[0].pk}@")
    assert url == HOOK
    assert json.loads(body)["text"] == "Deployment 1 failed"
    assert set(Notification.objects.values_list("state", flat=True)) == {"sent"}


def test_nothing_secret_stands_in_the_outbox(rules: AlertSettings) -> None:
    tell(rules)
    rows = str(list(Notification.objects.values()))
    assert "very-secret" not in rows
    assert TOKEN not in rows


def test_what_does_not_answer_is_asked_again_less_and_less_often(
    rules: AlertSettings, internet: Internet, put: Put
) -> None:
    notification = put()
    internet.answers = [UnansweredError("away"), Answer(503, "later"), Answer(429, ""), Answer(200, "ok")]
    pauses = []
    for _ in range(3):
        sending.send(notification.pk)
        notification.refresh_from_db()
        assert notification.due_at is not None
        pauses.append((notification.due_at - timezone.now()).total_seconds())
        sending.send(notification.pk)
        now_due()
    sending.send(notification.pk)
    notification.refresh_from_db()
    assert [round(pause, -1) for pause in pauses] == [10, 20, 40]
    assert (notification.state, len(internet.posted)) == ("sent", 4)


@pytest.mark.parametrize("answer", [Answer(404, "no_team"), Answer(302, ""), RefusedError("not public")])
def test_a_refusal_is_final_and_says_why(
    rules: AlertSettings, internet: Internet, put: Put, answer: Answer | Exception
) -> None:
    internet.answers = [answer]
    notification = put()
    sending.send(notification.pk)
    notification.refresh_from_db()
    assert notification.state == "failed"
    assert str(answer.status if isinstance(answer, Answer) else answer) in notification.reason


def test_after_its_deadline_it_is_given_up(rules: AlertSettings, internet: Internet, put: Put) -> None:
    notification = put()
    Notification.objects.update(deadline=timezone.now() - timedelta(seconds=1), reason="It answered 503.")
    sending.send(notification.pk)
    notification.refresh_from_db()
    assert (notification.state, notification.reason, internet.posted) == ("failed", "It answered 503.", [])


def test_two_workers_at_once_send_it_once(rules: AlertSettings, internet: Internet, put: Put) -> None:
    notification = put()
    Notification.objects.update(claimed_until=timezone.now() + timedelta(seconds=20))
    sending.send(notification.pk)
    assert internet.posted == []


def test_what_a_dead_worker_held_is_sent_and_one_that_kills_them_is_not(
    rules: AlertSettings, internet: Internet, put: Put
) -> None:
    notification = put()
    Notification.objects.update(claimed_until=timezone.now() - timedelta(seconds=1))
    sending.send(notification.pk)
    assert len(internet.posted) == 1
    deadly = put()
    Notification.objects.filter(pk=deadly.pk).update(
        attempt=3, claimed_until=timezone.now() - timedelta(seconds=1)
    )
    sending.send(deadly.pk)
    deadly.refresh_from_db()
    assert (deadly.state, len(internet.posted)) == ("failed", 1)


def test_an_error_of_our_own_is_tried_again(
    rules: AlertSettings, put: Put, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ecdeployer.outbound.post", lambda *_, **__: 1 / 0)
    notification = put()
    sending.send(notification.pk)
    notification.refresh_from_db()
    assert (notification.state, notification.tries) == ("waiting", 1)


def test_what_is_not_wanted_any_more_is_dropped(rules: AlertSettings, internet: Internet, put: Put) -> None:
    made = [put(), put(Notification.Channel.EMAIL), put(Notification.Channel.STATUS)]
    AlertSettings.objects.update(webhook_url=None, status_token=None, email=False)
    for each in made:
        sending.send(each.pk)
    assert set(Notification.objects.values_list("state", flat=True)) == {"dropped"}
    assert (internet.posted, mail.outbox) == ([], [])


@pytest.mark.parametrize(
    ("error", "state"),
    [
        (ConnectionRefusedError(), "waiting"),
        (smtplib.SMTPResponseException(451, b"later"), "waiting"),
        (smtplib.SMTPServerDisconnected(), "waiting"),
        (smtplib.SMTPResponseException(550, b"no"), "failed"),
        (smtplib.SMTPRecipientsRefused({}), "failed"),
    ],
)
def test_what_a_mail_server_says_decides(
    rules: AlertSettings, put: Put, monkeypatch: pytest.MonkeyPatch, error: Exception, state: str
) -> None:
    def refuse(_: EmailMessage) -> None:
        raise error

    monkeypatch.setattr(EmailMessage, "send", refuse)
    notification = put(Notification.Channel.EMAIL)
    sending.send(notification.pk)
    notification.refresh_from_db()
    assert notification.state == state


def test_what_a_person_wrote_is_no_markup_of_slacks(
    rules: AlertSettings, internet: Internet, put: Put
) -> None:
    sending.send(put(subject="<!channel> & <https://evil|x>", text="<@U1>").pk)
    document = json.loads(internet.posted[0][1])
    assert document["text"] == "&lt;!channel&gt; &amp; &lt;https://evil|x&gt;"
    assert document["attachments"][0]["text"] == "&lt;@U1&gt;"


def status(state: str, deployment: str = "d1") -> dict[str, object]:
    payload = {"deployment": deployment, "sha": "a" * 40, "state": state, "context": "c"}
    return {"key": f"deployment {deployment} {state}", "payload": payload}


def test_a_status_goes_to_the_commit_with_the_token(
    rules: AlertSettings, internet: Internet, put: Put
) -> None:
    sending.send(put(Notification.Channel.STATUS, **status("success")).pk)
    [(url, body, headers)] = internet.posted
    assert url == f"https://api.github.com/repos/ada/bakery/statuses/{'a' * 40}"
    assert headers["Authorization"] == f"Bearer {TOKEN}"
    assert json.loads(body) == {"state": "success", "context": "c"}


def test_a_late_pending_does_not_take_the_place_of_the_end(
    rules: AlertSettings, internet: Internet, put: Put
) -> None:
    pending = put(Notification.Channel.STATUS, **status("pending"))
    put(Notification.Channel.STATUS, **status("success"))
    sending.send(pending.pk)
    pending.refresh_from_db()
    assert (pending.state, internet.posted) == ("dropped", [])


@pytest.mark.parametrize("url", ["https://gitlab.com/a/b", "https://github.com.evil.org/a/b", "x"])
def test_no_other_host_gets_the_token(
    rules: AlertSettings, internet: Internet, put: Put, application: Application, url: str
) -> None:
    Application.objects.update(github_url=url)
    sending.send(put(Notification.Channel.STATUS, **status("success")).pk)
    assert internet.posted == []
