"""Every page in Chromium, at two widths, light and dark.

Pictures are kept where SCREENSHOTS names a folder.
"""

import json
import math
import os
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from django.test import override_settings
from django.urls import reverse
from django.utils import timezone
from ecdeployer.accounts.models import User
from ecdeployer.applications.models import DeployKey
from ecdeployer.commands import actions, output
from ecdeployer.commands.models import Command
from ecdeployer.deployments.models import Deployment, Step
from ecdeployer.deployments.states import DeploymentState, StepName, StepState
from ecdeployer.figures.models import Outage, Sample
from ecdeployer.git import keys
from ecdeployer.maintenance import actions as maintenance
from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Page,
    ViewportSize,
    expect,
)
from pytest_django.live_server_helper import LiveServer

from tests.portal_records import make_every_state, make_live, make_person, make_running

WIDTHS: dict[str, ViewportSize] = {
    "wide": {"width": 1280, "height": 900},
    "phone": {"width": 390, "height": 844},
}
PASSWORD = "correct horse battery"


@pytest.fixture(scope="session")
def live_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    """The portal alone: nothing here needs Redis, a worker or a machine."""
    changes = {
        "CACHES": {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}},
        "STATIC_ROOT": str(tmp_path_factory.mktemp("static")),
        "STORAGES": {"staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}},
    }
    with override_settings(**changes):
        server = LiveServer("localhost")
        yield server
        server.stop()


@pytest.fixture
def owner(transactional_db: None) -> User:
    return make_person("ines", time_zone="Europe/Lisbon", is_staff=True, is_superuser=True)


class Visitor:
    """A browser window, and what went wrong in it."""

    def __init__(self, context: BrowserContext, server: LiveServer, *, name: str = "") -> None:
        self.server = server
        self.name = name
        self.page: Page = context.new_page()
        self.complaints: list[str] = []
        self.page.on("console", self._hear)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))

    def _hear(self, line: ConsoleMessage) -> None:
        if line.type == "error":
            self.complaints.append(f"{line.text} {line.location['url']}")

    def open(self, path: str) -> Page:
        self.page.goto(f"{self.server.url}{path}")
        return self.page

    def keep(self, page: Page, name: str) -> None:
        folder = os.environ.get("SCREENSHOTS")
        if folder:
            page.screenshot(path=str(Path(folder) / f"{name}-{self.name}.png"), full_page=True)

    def sign_in(self) -> None:
        page = self.open(reverse("account_login"))
        page.get_by_label("Username or email").fill("ines")
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Sign in").click()
        expect(page.get_by_role("heading", level=1)).to_have_text("Applications")


@pytest.fixture
def visitor(browser: Browser, live_server: LiveServer, owner: User) -> Iterator[Visitor]:
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    visitor = Visitor(context, live_server)
    visitor.sign_in()
    yield visitor
    context.close()


def measure(live: Deployment) -> None:
    """An hour of figures with a gap in it, and an outage."""
    now = timezone.now().replace(second=0, microsecond=0)
    Sample.objects.bulk_create(
        Sample(
            instance=live.instance,
            at=now - timedelta(minutes=minute),
            processor=20 + 15 * math.sin(minute / 7),
            memory=48 + minute / 20,
            disk=31,
            requests=300 + 200 * (minute % 5),
            errors=40 if minute == 12 else 0,
            median=18 + minute % 9,
            slow=90 + 11 * (minute % 13),
        )
        for minute in range(1, 60)
        if not 30 < minute < 36
    )
    since = now - timedelta(minutes=13)
    Outage.objects.create(
        application=live.application,
        since=since,
        until=since + timedelta(minutes=2),
        reason="It answers 502.",
    )


def pages(deployments: dict[str, Deployment]) -> dict[str, str]:
    """Name -> path of every page a person can open."""
    live = deployments["bakery"]
    maintenance.change(
        deployments["harbour"].application,
        by=live.created_by,
        is_on=True,
        message="Back at noon.",
        addresses=["203.0.113.0/24"],
    )
    measure(live)
    public = keys.make_pair(comment="bakery@portal.example.com").public
    DeployKey.objects.create(application=live.application, public=public, made_by=live.created_by)
    return {
        "dashboard": reverse("applications:list"),
        "dashboard-filtered": reverse("applications:list") + "?state=failed&q=nothing",
        "new": reverse("applications:new"),
        "terminate": reverse("applications:terminate", args=[live.application_id]),
        "deployments": reverse("applications:deployments", args=[live.application_id]),
        "environment": reverse("applications:environment", args=[live.application_id]),
        "general": reverse("applications:general", args=[live.application_id]),
        "maintenance": reverse("maintenance:page", args=[live.application_id]),
        "maintenance-on": reverse("maintenance:page", args=[deployments["harbour"].application_id]),
        "logs": reverse("logs:show", args=[live.application_id]),
        "figures": reverse("figures:show", args=[live.application_id]),
        "alerts": reverse("alerts:show", args=[live.application_id]),
        "machine": reverse("machines:machine", args=[live.application_id]),
        "machine-resize": reverse("machines:resize", args=[live.application_id]),
        "machine-rebuild": reverse("machines:rebuild", args=[live.application_id]),
        "machine-stopped": reverse("machines:machine", args=[deployments["winery"].application_id]),
        "repository": reverse("applications:repository", args=[live.application_id]),
        "repository-public": reverse("applications:repository", args=[deployments["harbour"].application_id]),
        "activity": reverse("applications:events", args=[live.application_id]),
        "deployment": reverse("deployments:detail", args=[live.pk]),
        "profile": reverse("profile"),
        "about": reverse("about"),
        "findings": reverse("findings:index"),
        "finding": reverse("findings:detail", args=["debug-on"]),
        "migrations": reverse("deployments:detail", args=[deployments["brewery"].pk]),
        "not-found": "/nothing-here/",
        "password": reverse("account_change_password"),
        "email": reverse("account_email"),
        "admin": reverse("admin:index"),
        **{
            f"application-{name}": reverse("applications:detail", args=[deployment.application_id])
            for name, deployment in deployments.items()
        },
    }


@pytest.fixture(params=[(width, scheme) for width in WIDTHS for scheme in ("light", "dark")], ids="-".join)
def window(request: pytest.FixtureRequest, browser: Browser, live_server: LiveServer) -> Iterator[Visitor]:
    """A visitor at each width, in light and in dark."""
    width, scheme = request.param
    context = browser.new_context(viewport=WIDTHS[width], color_scheme=scheme)
    yield Visitor(context, live_server, name=f"{width}-{scheme}")
    context.close()


def is_too_wide(page: Page) -> bool:
    return bool(page.evaluate("document.documentElement.scrollWidth > window.innerWidth"))


def test_every_page_fits_its_window_and_breaks_no_rule(owner: User, window: Visitor) -> None:
    too_wide = []
    window.keep(window.open(reverse("account_login")), "sign-in")
    window.sign_in()
    window.keep(window.page, "dashboard-empty")
    deployments = make_every_state(owner)
    for name, path in pages(deployments).items():
        page = window.open(path)
        window.keep(page, name)
        if name != "admin" and is_too_wide(page):
            too_wide.append(name)
    assert too_wide == []
    assert [each for each in window.complaints if "nothing-here" not in each] == []


def test_mistakes_stand_beside_their_fields(owner: User, window: Visitor) -> None:
    window.sign_in()
    page = window.open(reverse("applications:new"))
    page.get_by_label("Project name").fill("my site")
    page.get_by_label("Repository URL").fill("https://elsewhere.example.com/owner/site")
    page.get_by_text("More").click()
    page.get_by_label("Environment variables").fill("PATH=/tmp")
    page.get_by_role("button", name="Deploy").click()
    expect(page.locator(".invalid-feedback")).to_have_count(3)
    expect(page.get_by_text("PATH is reserved")).to_be_visible()
    window.keep(page, "new-mistakes")
    assert not is_too_wide(page)


def test_a_deployment_is_followed_without_a_reload_and_what_was_opened_stays_open(
    visitor: Visitor, owner: User
) -> None:
    deployment = make_running(owner)
    page = visitor.open(deployment.application.get_absolute_url())
    page.evaluate("window.notReloaded = true")
    expect(page.locator("#status-heading")).to_contain_text("Install dependencies")
    clone = page.locator(f"#step-{deployment.number}-clone")
    clone.locator("summary").click()
    steps = Step.objects.filter(deployment=deployment)
    steps.filter(name=StepName.INSTALL).update(log="Installed 14 packages in 38ms\n", log_offset=99)
    expect(page.locator(f"#log-{deployment.number}-install")).to_contain_text("Installed 14 packages")
    expect(clone).to_have_attribute("open", "")
    steps.update(state=StepState.SUCCEEDED)
    assert deployment.move(DeploymentState.SUCCEEDED, finished_at=deployment.queued_at)
    expect(page.locator("#status-heading")).to_have_text("Your site is live")
    expect(page.get_by_role("link", name="Open the site")).to_be_visible()
    assert page.locator("#live").get_attribute("hx-get") is None
    assert page.evaluate("window.notReloaded")
    assert [each for each in visitor.complaints if "304" not in each] == []


def test_processes_are_asked_for_and_shown_without_a_reload(owner: User, window: Visitor) -> None:
    """The machine is one that answers when it is told to."""
    window.sign_in()
    live = make_live(owner)
    live.facts = {
        "project_directory": "shop",
        "settings_module": "shop.settings",
        "processes": [["worker", 'celery --app shop.celery worker --concurrency "$ECDEPLOYER_CONCURRENCY"']],
    }
    live.save(update_fields=["facts"])
    schedule = actions.save_schedule(live.application, ["clearsessions"], "30 4 * * mon-fri", by=owner)
    page = window.open(reverse("processes:list", args=[live.application_id]))
    expect(page.locator("#processes")).to_contain_text("Asking the machine")
    rows = [
        {"name": name, "state": state, "since": 1_790_000_000, "pid": 17, "memory": 84, "exit": code}
        for name, state, code in (("web", "RUNNING", 0), ("worker", "FATAL", 2))
    ]
    runs = {str(schedule.pk): [{"at": 1_790_000_000, "seconds": 1.4, "exit": 0}]}
    told = {"release": "000001", "processes": rows, "schedules": {"revision": 1, "runs": runs}}
    asked = Command.objects.filter(action="processes")
    output.add(asked.get(), json.dumps(told))
    asked.update(state="succeeded", finished_at=timezone.now())
    expect(page.locator("#processes")).to_contain_text("84 MiB")
    expect(page.locator("#processes")).to_contain_text("exit code 0 after 1.4 s")
    window.keep(page, "processes")
    assert not is_too_wide(page)
    window.keep(window.open(reverse("schedules:change", args=[schedule.pk])), "schedule")
    assert not is_too_wide(page)
    assert window.complaints == []


def test_the_theme_that_was_chosen_stays(visitor: Visitor) -> None:
    page = visitor.open(reverse("applications:list"))
    page.get_by_role("button", name="Switch between light and dark").click()
    expect(page.locator("html")).to_have_attribute("data-bs-theme", "dark")
    page.reload()
    expect(page.locator("html")).to_have_attribute("data-bs-theme", "dark")


def test_the_button_that_ends_a_site_wants_its_name_first(visitor: Visitor, owner: User) -> None:
    deployment = make_every_state(owner)["bakery"]
    page = visitor.open(reverse("applications:terminate", args=[deployment.application_id]))
    button = page.get_by_role("button", name="Terminate for good")
    expect(button).to_be_disabled()
    page.get_by_label("Type bakery to confirm").fill("bakery")
    expect(button).to_be_enabled()


def test_pages_say_everything_without_scripts(browser: Browser, live_server: LiveServer, owner: User) -> None:
    deployment = make_running(owner)
    context = browser.new_context(java_script_enabled=False)
    visitor = Visitor(context, live_server)
    visitor.sign_in()
    page = visitor.open(deployment.application.get_absolute_url())
    expect(page.locator("#status-heading")).to_contain_text("Install dependencies")
    expect(page.get_by_role("link", name="Reload this page")).to_be_visible()
    context.close()
