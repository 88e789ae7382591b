"""E-mail, a webhook in Slack's format, and commit statuses: how one message goes out."""

import json
import re
import smtplib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.core.mail import EmailMessage

from .. import outbound
from ..applications.models import Application
from .models import AlertSettings, Notification

_COLOURS = {"good": "#107245", "warn": "#8a5300", "bad": "#b3202e"}
_GITHUB = re.compile(r"https://github\.com/([\w.-]+)/([\w.-]+?)(\.git)?/?", re.ASCII)


@dataclass(frozen=True, kw_only=True)
class Result:
    """``said`` is for the person: what came back, or why nothing was sent."""

    sent: bool
    said: str
    again: bool = False
    dropped: bool = False


def send(notification: Notification) -> Result:
    """Now, as the settings are now. Takes a few seconds at most."""
    application = Application.objects.select_related("owner").get(pk=notification.application_id)
    rules = AlertSettings.of(application.pk)
    if notification.channel == Notification.Channel.EMAIL:
        return _email(application, rules, notification)
    if notification.channel == Notification.Channel.WEBHOOK:
        return _webhook(rules, notification)
    return _status(application, rules, notification)


def repository_of(application: Application) -> str:
    """``owner/name`` on github.com; empty for any other host, which has no such statuses."""
    match = _GITHUB.fullmatch(application.github_url)
    return f"{match[1]}/{match[2]}" if match else ""


def _email(application: Application, rules: AlertSettings, notification: Notification) -> Result:
    """To the owner's own address. The Message-ID is the row's: one that is sent twice is the same message."""
    address = application.owner.email
    if not rules.email or not address or not application.owner.is_active:
        return Result(sent=False, said="There is no e-mail address to send it to.", dropped=True)
    host = settings.DEFAULT_FROM_EMAIL.rpartition("@")[2].strip(" >") or "localhost"
    message = EmailMessage(
        subject=f"[{settings.SITE_NAME}] {notification.subject}",
        body=f"{notification.text}\n\n{notification.payload.get('link', '')}\n",
        to=[address],
        headers={"Message-ID": f"<{notification.pk}@{host}>", "Auto-Submitted": "auto-generated"},
    )
    try:
        message.send()
    except smtplib.SMTPRecipientsRefused:
        return Result(sent=False, said=f"The mail server takes no mail for {address}.")
    except smtplib.SMTPResponseException as error:
        return Result(
            sent=False, said=f"The mail server says {error.smtp_code}.", again=error.smtp_code < 500
        )
    except (OSError, smtplib.SMTPException) as error:
        return Result(
            sent=False, said=f"The mail server does not answer: {type(error).__name__}.", again=True
        )
    return Result(sent=True, said=f"The mail server took it for {address}.")


def _webhook(rules: AlertSettings, notification: Notification) -> Result:
    if not rules.webhook_url:
        return Result(sent=False, said="There is no webhook any more.", dropped=True)
    return _post(rules.webhook_url, slack_message(notification), {}, trusted=settings.ALERT_HOSTS)


def slack_message(notification: Notification) -> dict[str, Any]:
    """Mattermost, Rocket.Chat and Discord read it too: https://api.slack.com/reference/messaging/attachments"""
    link, tone = notification.payload.get("link", ""), notification.payload.get("tone", "good")
    return {
        "text": _escaped(notification.subject),
        "attachments": [
            {
                "color": _COLOURS.get(tone, _COLOURS["good"]),
                "text": _escaped(notification.text),
                "fallback": _escaped(notification.subject),
                "title": "Open in the portal",
                "title_link": link,
            }
        ],
    }


def _escaped(text: str) -> str:
    """What would be a mention or a link in Slack's own markup stays text."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _status(application: Application, rules: AlertSettings, notification: Notification) -> Result:
    repository = repository_of(application)
    if not rules.status_token or not repository:
        return Result(sent=False, said="There is no token for commit statuses any more.", dropped=True)
    status = dict(notification.payload)
    deployment, sha = status.pop("deployment"), status.pop("sha")
    if status["state"] == "pending" and _is_over(notification, deployment):
        return Result(sent=False, said="It has ended by now.", dropped=True)
    return _post(
        f"{settings.GITHUB_API_URL}/repos/{repository}/statuses/{sha}",
        status,
        {"Authorization": f"Bearer {rules.status_token}", "Accept": "application/vnd.github+json"},
        trusted=[settings.GITHUB_API_URL],
    )


def _is_over(notification: Notification, deployment: str) -> bool:
    """A late word that it goes on must not take the place of how it ended."""
    others = Notification.objects.filter(
        application=notification.application_id, channel=Notification.Channel.STATUS
    )
    return others.filter(key__startswith=f"deployment {deployment} ").exclude(pk=notification.pk).exists()


def _post(url: str, document: Mapping[str, Any], headers: dict[str, str], *, trusted: list[str]) -> Result:
    body = json.dumps(document).encode()
    try:
        answer = outbound.post(url, body, {"Content-Type": "application/json", **headers}, trusted=trusted)
    except outbound.RefusedError as error:
        return Result(sent=False, said=str(error))
    except outbound.UnansweredError as error:
        return Result(sent=False, said=str(error), again=True)
    said = f"It answered {answer.status}" + (f": {answer.text[:200]}" if answer.text else ".")
    return Result(sent=answer.is_good, said=said, again=answer.may_be_repeated)
