"""Applications: listed, shown, registered, opened, ended."""

import webbrowser
from typing import TextIO

import click

from . import environment_files, terminal
from .deployment_commands import finish
from .failures import RefusedFailure
from .following import read_progress
from .options import Call, followed, of_application, signed_in
from .portal import Record
from .progress import Progress, describe


@click.command()
@click.option("--status", metavar="STATUS", help="Those alone: live, failed, deploying and so on.")
@signed_in
def apps(call: Call, *, status: str | None) -> None:
    """List your applications, the newest first."""
    found = list(call.portal.walk("/applications", "applications", **({"status": status} if status else {})))
    if call.as_json:
        terminal.say_json({"applications": found})
    elif found:
        rows = [[each["name"], each["status"], each["address"], each["github_url"]] for each in found]
        terminal.say_table([["NAME", "STATUS", "ADDRESS", "REPOSITORY"], *rows])
    else:
        terminal.tell("None yet. Register one with: ecdeploy create PROJECT_NAME GITHUB_URL")


@click.command()
@of_application
def status(call: Call, application: Record) -> None:
    """Show an application, and its newest deployment's steps."""
    newest = application["deployment"]
    progress = read_progress(call.portal, newest["id"]) if newest else None
    if call.as_json:
        terminal.say_json({**application, "steps": progress.steps if progress else []})
        return
    terminal.say(f"{terminal.line(application['name'])}: {application['status']}")
    for label, value in (
        ("site", application["address"]),
        ("page", application["page"]),
        ("repository", f"{application['github_url']} ({application['branch']})"),
    ):
        if value:
            terminal.say(f"  {label:<11}{terminal.line(value)}")
    if progress:
        _say_progress(progress)


def _say_progress(progress: Progress) -> None:
    deployment = progress.deployment
    terminal.say(terminal.line(f"Deployment {deployment['number']}: {progress.heading}"))
    if deployment["commit_sha"]:
        commit = f"{deployment['commit_sha'][:7]} {deployment['commit_subject']}"
        terminal.say(f"  {'commit':<11}{terminal.line(commit)}")
    for step in progress.steps:
        terminal.say(f"  {describe(step)}")
    for text in (deployment["reason"], deployment["remedy"]):
        if text:
            terminal.say(text)


@click.command()
@click.argument("project_name")
@click.argument("github_url")
@click.option("--name", default="", help="Left out: made of the project name.")
@click.option("--branch", default="", help="Left out: the repository's own choice.")
@click.option("--description", default="")
@click.option("--instance-type", default="", help="Left out: the usual one.")
@click.option("--health-path", default="", help="What has to answer for the site to be live.")
@click.option("--env-file", type=click.File(), help="Variables, as lines NAME=value; - for stdin.")
@followed
@signed_in
def create(
    call: Call, /, *, project_name: str, env_file: TextIO | None, no_follow: bool, **fields: str
) -> None:
    """Register an application, and bring it live on an instance of its own.

    PROJECT_NAME is the directory that holds manage.py, and GITHUB_URL its repository.
    """
    environment = environment_files.read(env_file.read()) if env_file else {}
    given = {name: value for name, value in fields.items() if value}
    body = {"project_name": project_name, **given, "environment": environment}
    application = call.portal.post("/applications", body)
    terminal.tell(f"{terminal.line(application['name'])} is registered: {application['page']}")
    if no_follow:
        call.answer(application, application["name"])
    else:
        finish(call, application["deployment"])


@click.command(name="set")
@click.option("--name", help="What it is called in the portal.")
@click.option("--github-url", help="Another repository, or a new address of the same.")
@click.option("--branch", help="Empty: the repository's default branch.")
@click.option("--description")
@click.option("--health-path", help="What has to answer for the site to be live.")
@click.option(
    "--confirm-migrations/--no-confirm-migrations",
    default=None,
    help="Whether migrations that drop, rename or lock wait for a confirmation.",
)
@of_application
def edit(call: Call, application: Record, /, **fields: str | bool | None) -> None:
    """Change what an application was registered with; what is left out stays.

    A new repository, branch or health path is for the next deployment.
    """
    given = {name: value for name, value in fields.items() if value is not None}
    if not given:
        raise RefusedFailure("Say what is to change, for instance: ecdeploy set --branch main")
    after = call.portal.patch(f"/applications/{application['id']}", given)
    changed = [f"{name} = {after[name]}" for name in given if after[name] != application[name]]
    call.answer(after, terminal.line("; ".join(changed)) or "Nothing had to change.")


@click.command()
@click.option("--yes", is_flag=True, help="Do not ask.")
@of_application
def terminate(call: Call, application: Record, *, yes: bool) -> None:
    """End an application's instance for good, with its disk. The history stays."""
    name = terminal.line(application["name"])
    if not yes:
        if not terminal.is_interactive():
            raise RefusedFailure("This cannot be undone. Where nobody can be asked, say --yes.")
        terminal.tell(f"This ends the instance of {name}, and all that is on its disk. It cannot be undone.")
        if click.prompt("Type the application's name", err=True) != name:
            raise RefusedFailure("That is another name. Nothing was done.")
    ended = call.portal.post(f"/applications/{application['id']}/terminate")
    call.answer(ended, f"{name}: {ended['status']}")


@click.command(name="open")
@click.option("--page", is_flag=True, help="The application's page in the portal, in place of the site.")
@of_application
def open_site(call: Call, application: Record, *, page: bool) -> None:
    """Open the site in the browser."""
    address = application["page"] if page else application["address"]
    if not address:
        raise RefusedFailure("The site does not answer yet. See: ecdeploy status, or ecdeploy open --page")
    if not address.startswith(("http://", "https://")):
        raise RefusedFailure(f"Found {address!a}, which is no address of a site.")
    call.answer({"address": address}, address)
    if not call.as_json:
        webbrowser.open(address)
