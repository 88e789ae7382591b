"""What a developer registers. The page, the command line and the API read the same form."""

import re
import uuid
from collections.abc import Callable, Mapping, Sequence
from itertools import count
from typing import Any, cast

from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError
from django.db.models import QuerySet

from ..accounts.models import User
from ..git.names import check_branch
from ..git.repository import RepositoryURLError, parse_url
from ..instances import prices
from ..plain_text import check_plain_text
from ..preflight.names import check_project_name
from . import variables
from .models import Application

_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,61}[A-Za-z0-9])?")
_HEALTH_PATH = re.compile(r"/(?!/)[A-Za-z0-9._~!$&'()*+,;=:@%/?-]*")
TAKEN = "You have an application of this name since a moment ago. Choose another name."
MORE = ("name", "description", "branch", "instance_type", "health_path", "confirm_migrations", "environment")


class ExactField(forms.CharField):
    """Text that is judged as it was typed: nothing is stripped before the check."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(strip=False, **kwargs)


class EnvironmentField(forms.Field):
    """``NAME=value`` lines, or a mapping of names to values; cleaned to a dict."""

    widget = forms.Textarea

    def to_python(self, value: object) -> dict[str, str]:
        try:
            if isinstance(value, Mapping):
                return variables.check(value)
            return variables.parse(str(value or ""))
        except variables.VariableError as error:
            raise ValidationError(str(error), code="invalid") from error


class DetailsForm(forms.Form):
    """What is asked when an application is registered, and when it is edited: the same rules for both."""

    github_url = ExactField(
        max_length=500,
        label="Repository URL",
        help_text="For a branch other than the default one, add /tree/ and its name.",
        widget=forms.URLInput(attrs={"placeholder": "https://github.com/owner/repository"}),
    )
    name = ExactField(
        required=False,
        max_length=63,
        help_text="What you call it here. Left empty, it is the project name.",
    )
    description = ExactField(
        required=False,
        max_length=2000,
        validators=[check_plain_text],
        widget=forms.Textarea(attrs={"rows": 2}),
    )
    branch = ExactField(
        required=False, max_length=200, help_text="Left empty, the repository's default branch."
    )
    health_path = ExactField(
        required=False,
        max_length=255,
        label="Health path",
        help_text="The page that must answer before the site is called live. Left empty, it is /.",
    )
    confirm_migrations = forms.BooleanField(
        required=False,
        label="Confirm migrations",
        help_text="Those that drop or rename, or lock a large table, wait until you have seen them.",
    )

    def __init__(self, *args: Any, owner: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.owner = owner

    @property
    def others(self) -> QuerySet[Application]:
        """The owner's other applications, whose names are taken."""
        return self.owner.applications.all()

    def clean_branch(self) -> str:
        branch = self.cleaned_data["branch"]
        return _checked(check_branch, branch) if branch else ""

    def clean_github_url(self) -> str:
        try:
            self.repository = parse_url(self.cleaned_data["github_url"], allowed_hosts=settings.GIT_HOSTS)
        except RepositoryURLError as error:
            raise ValidationError(str(error), code="invalid") from error
        return str(self.repository.url)

    def clean_name(self) -> str:
        name: str = self.cleaned_data["name"]
        if not name:
            return ""
        if not _NAME.fullmatch(name):
            raise ValidationError(
                f"Found {name!r}. Use letters, digits, dots, dashes and underscores, with a letter or digit "
                "at both ends.",
                code="invalid",
            )
        if self.others.filter(name=name).exists():
            raise ValidationError(
                f"You have an application named {name} already. Choose another name.", code="taken"
            )
        return name

    def clean_health_path(self) -> str:
        path = self.cleaned_data["health_path"] or "/"
        if not _HEALTH_PATH.fullmatch(path):
            raise ValidationError(
                f"Found {path!r}. Write a path on the site that begins with /, such as /healthz/.",
                code="invalid",
            )
        return str(path)

    def clean(self) -> dict[str, Any]:
        data: dict[str, Any] = self.cleaned_data
        self._take_branch_of_url(data)
        return data

    def _take_branch_of_url(self, data: dict[str, Any]) -> None:
        in_url = self.repository.branch if "github_url" in data else ""
        if not in_url or "branch" not in data:
            return
        if data["branch"] not in ("", in_url) and self.is_typed("branch"):
            self.add_error(
                "branch",
                f"The URL names the branch {in_url} and this field another one. Empty one of the two.",
            )
        data["branch"] = in_url

    def is_typed(self, name: str) -> bool:
        """Whether a person put it there, and not what was there before."""
        return True


class ApplicationForm(DetailsForm):
    """Valid data becomes ``parameters()``, the arguments of ``actions.create_application``."""

    project_name = ExactField(
        max_length=100,
        label="Project name",
        help_text="The directory that holds manage.py, at the top of the repository.",
        widget=forms.TextInput(
            attrs={"placeholder": "mysite", "autocomplete": "off", "autocapitalize": "none"}
        ),
    )
    deploy_on_push = forms.BooleanField(
        required=False,
        initial=True,
        label="Deploy on push",
        help_text="New commits of the branch are found within minutes, or at once with a webhook.",
    )
    instance_type = forms.ChoiceField(required=False, label="Instance type")
    environment = EnvironmentField(
        required=False,
        label="Environment variables",
        help_text="NAME=value, one a line, as in a .env file. Values are encrypted, and never shown again.",
        widget=forms.Textarea(
            attrs={
                "rows": 4,
                "spellcheck": "false",
                "placeholder": "DATABASE_URL=postgres://...",
                "class": "code",
            }
        ),
    )
    submission = forms.UUIDField(required=False, widget=forms.HiddenInput, initial=uuid.uuid4)
    field_order = ("project_name", "github_url", "deploy_on_push")

    def __init__(self, *args: Any, owner: User, **kwargs: Any) -> None:
        super().__init__(*args, owner=owner, **kwargs)
        self._offer(settings.INSTANCE_TYPES)

    def _offer(self, types: Sequence[str]) -> None:
        """The operator's instance types, each with its price."""
        region = settings.AWS_REGION
        choice = cast("forms.ChoiceField", self.fields["instance_type"])
        choice.choices = [(each, prices.describe(each, region=region)) for each in types]
        choice.help_text = (
            f"AWS's list price in {region} of {prices.LISTED:%B %Y} for machine, disk of "
            f"{prices.VOLUME_SIZE} GiB and public address; a month has {prices.HOURS_A_MONTH} hours. "
            "Traffic comes on top."
        )
        choice.error_messages["invalid_choice"] = (
            "Found %(value).60r. Choose one of: " + ", ".join(types) + "."
        )

    @property
    def more_has_errors(self) -> bool:
        return any(name in self.errors for name in MORE)

    def clean_project_name(self) -> str:
        return _checked(check_project_name, self.cleaned_data["project_name"])

    def clean_instance_type(self) -> str:
        return str(self.cleaned_data["instance_type"] or settings.INSTANCE_TYPES[0])

    def clean(self) -> dict[str, Any]:
        data = super().clean()
        if not data.get("name") and "name" not in self.errors and "project_name" in data:
            data["name"] = self._free_name(data["project_name"])
        return data

    def _free_name(self, wanted: str) -> str:
        """The project name, with the first number behind it that makes it the owner's only one."""
        base = wanted[:55]
        taken = set(self.owner.applications.filter(name__startswith=base).values_list("name", flat=True))
        numbered = (f"{base}-{number}" for number in count(2))
        return base if base not in taken else next(name for name in numbered if name not in taken)

    def parameters(self) -> dict[str, Any]:
        return {name: self.cleaned_data[name] for name in self.fields}


class TerminateForm(forms.Form):
    """Typing the name is the confirmation."""

    name = forms.CharField(max_length=63, widget=forms.TextInput(attrs={"autocomplete": "off"}))

    def __init__(self, *args: Any, application: Application, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.application = application
        self.fields["name"].label = f"Type {application.name} to confirm"
        self.fields["name"].widget.attrs["data-must-equal"] = application.name

    def clean_name(self) -> str:
        name: str = self.cleaned_data["name"]
        if name != self.application.name:
            raise ValidationError(
                f"Found {name!r}. Type {self.application.name} to terminate it.", code="mismatch"
            )
        return name


def _checked(check: Callable[[str], object], text: str) -> str:
    """Turn a check's ValueError into the message beside the field."""
    try:
        check(text)
    except ValueError as error:
        raise ValidationError(str(error), code="invalid") from error
    return text
