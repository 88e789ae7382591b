"""The real thing: ./scripts/demo, a person in Chromium, machines that boot."""

import os
import re
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from urllib.error import URLError

import boto3
import pytest
from playwright.sync_api import Browser, Page, ViewportSize, expect

from scripts.stack.running import ENDPOINT, RunningDemo, publish, running_demo
from tests.e2e.machine_projects import plain, with_requirements

WIDE: ViewportSize = {"width": 1280, "height": 900}
PHONE: ViewportSize = {"width": 390, "height": 844}
#: Milliseconds within which a machine boots and a site comes live, with room for a busy host.
PATIENCE = 120_000
ABSENT = "no-such-package-4f1c9a"


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningDemo]:
    folder = tmp_path_factory.mktemp("demo")
    folder.parent.chmod(0o755)
    folder.chmod(0o755)
    served = folder / "served"
    served.mkdir()
    publish(served, "uninstallable", with_requirements(plain(), f"django~=5.2.0\n{ABSENT}==1.0\n"))
    at_root = {path.removeprefix("mysite/"): content for path, content in plain().items()}
    publish(served, "at-root", at_root)
    with running_demo(folder) as running:
        yield running


@pytest.fixture
def page(demo: RunningDemo, browser: Browser) -> Iterator[Page]:
    """A person who has signed in."""
    context = browser.new_context(viewport=WIDE)
    page = context.new_page()
    page.goto(f"{demo.url}/")
    page.get_by_label("Username or email").fill(demo.told["Sign in as"])
    page.get_by_label("Password").fill(demo.told["Password"])
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Applications")
    yield page
    context.close()


def keep(page: Page, name: str) -> None:
    """Pictures at both widths, where SCREENSHOTS names a folder."""
    folder = os.environ.get("SCREENSHOTS")
    for width, size in (("wide", WIDE), ("phone", PHONE)) if folder else ():
        page.set_viewport_size(size)
        page.screenshot(path=str(Path(folder or "") / f"demo-{name}-{width}.png"), full_page=True)
    page.set_viewport_size(WIDE)


def submit(page: Page, demo: RunningDemo, *, project: str, repository: str, name: str) -> None:
    page.goto(f"{demo.url}/applications/new/")
    page.get_by_label("Project name").fill(project)
    page.get_by_label("Repository URL").fill(demo.repository(repository))
    page.get_by_text("More").click()
    page.get_by_label("Name", exact=True).fill(name)
    page.get_by_role("button", name="Deploy").click()
    expect(page.get_by_role("heading", level=1)).to_have_text(name)


def status(page: Page, text: str | re.Pattern[str]) -> None:
    """Wait for the status line, as a person does: the page is not loaded again."""
    expect(page.locator("#status-heading")).to_contain_text(text, timeout=PATIENCE)


def machines() -> dict[str, str]:
    """State by id, as the local cloud reports it."""
    client = boto3.client(
        "ec2",
        endpoint_url=ENDPOINT,
        region_name="eu-west-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )
    found = client.describe_instances()["Reservations"]
    return {each["InstanceId"]: each["State"]["Name"] for group in found for each in group["Instances"]}


def test_a_sample_comes_live_is_used_and_goes(demo: RunningDemo, page: Page, browser: Browser) -> None:
    submit(page, demo, project="guestbook", repository="guestbook", name="book")
    page.evaluate("window.notReloaded = true")
    status(page, re.compile("Step [1-9]+ of 11"))
    expect(page.get_by_label(re.compile("of 11 steps are done"))).to_be_visible()
    status(page, re.compile("Install dependencies|Check the site|Configure|Migrate|Start|live"))
    keep(page, "deploying")
    status(page, "Your site is live")
    assert page.evaluate("window.notReloaded")
    keep(page, "live")
    address = page.get_by_role("link", name="Open the site").get_attribute("href") or ""

    site = browser.new_page()
    site.goto(address)
    expect(site.get_by_role("heading", level=1)).to_have_text("Guestbook")
    assert site.evaluate("getComputedStyle(document.querySelector('h1')).fontWeight") == "400", (
        "no stylesheet"
    )
    site.get_by_label("Name").fill("Ada")
    site.get_by_label("Message").fill("It stays.")
    site.get_by_role("button", name="Sign").click()
    expect(site.get_by_text("It stays.")).to_be_visible()

    page.get_by_role("button", name="Deploy", exact=True).click()
    expect(page.get_by_text("is live already").first).to_be_visible()
    page.get_by_role("button", name="Deploy it anyway").click()
    status(page, re.compile("Step [0-9]+ of 9"))
    status(page, "Your site is live")
    site.reload()
    expect(site.get_by_text("It stays.")).to_be_visible()
    site.close()

    instance = re.search(r"i-[0-9a-f]{17}", page.content())
    assert instance
    assert machines()[instance[0]] == "running"
    page.get_by_role("link", name=re.compile("^Terminate")).click()
    page.get_by_label("Type book to confirm").fill("book")
    keep(page, "terminate")
    page.get_by_role("button", name="Terminate for good").click()
    status(page, re.compile("Terminated"))
    assert machines()[instance[0]] == "terminated"
    with pytest.raises((URLError, TimeoutError)):
        urllib.request.urlopen(address, timeout=2)  # noqa: S310 - http, and the machine has gone


def test_a_repository_that_breaks_the_rule_launches_nothing(demo: RunningDemo, page: Page) -> None:
    before = machines()
    submit(page, demo, project="mysite", repository="at-root", name="rootless")
    status(page, re.compile("failed at: Read the repository"))
    expect(page.get_by_text("manage.py stands at the root of the repository").first).to_be_visible()
    expect(page.get_by_text("into a directory mysite").first).to_be_visible()
    keep(page, "refused")
    assert machines() == before


def test_requirements_that_cannot_be_installed_fail_in_the_installers_words(
    demo: RunningDemo, page: Page
) -> None:
    submit(page, demo, project="mysite", repository="uninstallable", name="hopeless")
    status(page, re.compile("failed at: Install dependencies"))
    expect(page.locator("#last-lines")).to_contain_text(ABSENT)
    keep(page, "failed")
