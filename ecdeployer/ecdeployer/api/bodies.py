"""What requests carry. Shapes alone are checked here; the rules are the form's, and so are its messages."""

from typing import Any, Self

from ninja import Field, Schema
from pydantic import ConfigDict, ValidationInfo, model_validator

from ..applications.forms import ApplicationForm
from ..applications.states import Status
from ..commands import words
from ..commands.words import LENGTH, WORDS
from ..maintenance.forms import LONGEST
from .problems import InvalidError

#: More than any log has; less than what a database takes for a number.
FURTHEST = 2**30


def _as_in_form(name: str) -> Any:
    """A field that the document describes as the page does; left out, it is empty, for the form to judge."""
    field = ApplicationForm.base_fields[name]
    length = getattr(field, "max_length", None)
    return Field(
        "",
        description=str(field.help_text) or None,
        json_schema_extra={"maxLength": length} if length else None,
    )


class Parameters(Schema):
    """What stands behind the question mark: names that there are not are refused, as in bodies."""

    @model_validator(mode="after")
    def refuse_unknown(self, info: ValidationInfo) -> Self:
        given = set(info.context["request"].GET) if info.context else set()
        unknown = given - set(type(self).model_fields)
        if unknown:
            raise InvalidError({name: ["There is no such parameter."] for name in sorted(unknown)})
        return self


class Page(Parameters):
    """Parameters of every list."""

    cursor: str = Field("", description="The next of the page before; left out for the first page.")
    limit: int = Field(20, ge=1, le=100, description="How many at most.")


class Filters(Page):
    status: Status | None = Field(None, description="Those alone that are in this state.")
    name: str = Field(
        "", pattern=r"^[^\x00]*$", description="The one of this name alone; staff may see more."
    )


class Place(Parameters):
    offset: int = Field(0, ge=0, le=FURTHEST, description="Characters at the beginning to leave out.")


class NewDeployment(Schema):
    model_config = ConfigDict(extra="forbid")

    commit: str = Field("", pattern="^([0-9a-f]{40})?$", description="Left empty, the branch's newest.")
    again: bool = Field(default=False, description="Also where that commit is live already.")


class Switch(Schema):
    model_config = ConfigDict(extra="forbid")

    deploy_on_push: bool


class NewType(Schema):
    model_config = ConfigDict(extra="forbid")

    instance_type: str = Field(max_length=32, description="One of those that limits lists.")


class Rebuild(Schema):
    model_config = ConfigDict(extra="forbid")

    new_address: bool = Field(default=False, description="Also where no Elastic IP keeps the address.")


class NewApplication(Schema):
    model_config = ConfigDict(extra="forbid", json_schema_extra={"required": ["project_name", "github_url"]})

    project_name: str = _as_in_form("project_name")
    github_url: str = _as_in_form("github_url")
    name: str = _as_in_form("name")
    description: str = _as_in_form("description")
    branch: str = _as_in_form("branch")
    instance_type: str = Field("", description="One of those that limits lists; left empty, the first.")
    health_path: str = _as_in_form("health_path")
    deploy_on_push: bool = Field(default=True, description="Whether new commits of the branch are deployed.")
    confirm_migrations: bool = Field(
        default=False, description=str(ApplicationForm.base_fields["confirm_migrations"].help_text)
    )
    environment: dict[str, str] = Field(
        {}, description="Variables by name. Each is a secret: its value is encrypted, and never comes back."
    )


class ApplicationChange(Schema):
    """What is left out stays as it is."""

    model_config = ConfigDict(extra="forbid")

    name: str = Field("", description="What you call it here.", json_schema_extra={"maxLength": 63})
    github_url: str = _as_in_form("github_url")
    description: str = _as_in_form("description")
    branch: str = _as_in_form("branch")
    health_path: str = _as_in_form("health_path")
    confirm_migrations: bool = Field(
        default=False, description=str(ApplicationForm.base_fields["confirm_migrations"].help_text)
    )


class MaintenanceChange(Schema):
    """All of it: what is left out is as it is where nobody ever said."""

    model_config = ConfigDict(extra="forbid")

    on: bool = Field(default=False, description="Whether visitors are answered with 503.")
    retry_after: int = Field(120, ge=1, le=LONGEST, description="Seconds.")
    message: str = Field("", description="Plain text for the portal's own page. At most 500 characters.")
    addresses: list[str] = Field([], description="Addresses and networks that see the site. At most 50.")
    around_deployments: bool = Field(
        default=False,
        description="On by itself from before the migrations of a deployment until its end.",
    )


class NewSchedule(Schema):
    model_config = ConfigDict(extra="forbid", json_schema_extra={"required": ["cron", "line"]})

    cron: str = Field("", description="Minute, hour, day, month, weekday, in UTC: 30 4 * * mon-fri.")
    line: str = Field("", description="For manage.py, such as clearsessions; no shell reads it.")
    enabled: bool = True


class ScheduleChange(Schema):
    """What is left out stays as it is."""

    model_config = ConfigDict(extra="forbid")

    cron: str = ""
    line: str = ""
    enabled: bool = True


class NewCommand(Schema):
    """``words`` as they are, or a ``line`` that is read into words as the page does: one of the two."""

    model_config = ConfigDict(extra="forbid")

    words: list[str] = Field([], max_length=WORDS, description="For manage.py, such as migrate and --plan.")
    line: str = Field("", max_length=LENGTH, description="In place of words; no shell reads it.")

    def read(self) -> list[str]:
        """Raises InvalidError."""
        if self.words and self.line:
            raise InvalidError({"line": ["Give words or a line, and not both."]})
        try:
            return words.take(self.words) if self.words else words.read(self.line)
        except words.WordsError as error:
            raise InvalidError({"words" if self.words else "line": [str(error)]}) from error


class EnvironmentChange(Schema):
    model_config = ConfigDict(extra="forbid")

    set: dict[str, str] = Field({}, description="Values by name: of new variables, and of those there are.")
    secret: list[str] = Field([], description="Names whose values never come back from now on.")
    plain: list[str] = Field(
        [], description="Names whose values may be read. One that was a secret needs a value in set too."
    )
    remove: list[str] = []
    apply: bool = Field(default=False, description="Deploy the live commit with it, at once.")
