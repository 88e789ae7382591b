"""What people send to change an application's environment."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from django import forms
from django.core.exceptions import ValidationError

from . import env_files, variables
from .models import EnvironmentVariable

_CODE = {"spellcheck": "false", "autocomplete": "off", "class": "code"}
PLAIN = "Not a secret"


def as_typed(text: str) -> str:
    """Browsers send the line breaks of a text area as CR LF."""
    return text.replace("\r\n", "\n")


class VariableForm(forms.Form):
    """One variable: a new one, or a new value of one that there is."""

    name = forms.CharField(
        max_length=variables.NAME_LENGTH,
        widget=forms.TextInput(
            attrs={"class": "code", "autocomplete": "off", "autocapitalize": "none", "spellcheck": "false"}
        ),
    )
    value = forms.CharField(
        required=False,
        strip=False,
        widget=forms.Textarea(attrs={"rows": 2, **_CODE, "class": "form-control code"}),
    )
    plain = forms.BooleanField(
        required=False,
        label=PLAIN,
        help_text="Its value can then be read and edited here, and is exported.",
    )

    def __init__(
        self,
        data: Mapping[str, Any] | None = None,
        *,
        present: EnvironmentVariable | None = None,
    ) -> None:
        """``present``: the one that there is by this name; the value of a secret is not in the form."""
        super().__init__(data, auto_id=f"variable-{present.pk if present else 'new'}-%s")
        self.present = present
        if present is not None:
            self.initial = {"name": present.name, "plain": not present.secret}
            self.initial |= {} if present.secret else {"value": present.value}

    def clean_name(self) -> str:
        name: str = self.cleaned_data["name"]
        try:
            variables.check_name(name)
        except variables.VariableError as error:
            raise ValidationError(str(error), code="invalid") from error
        return name

    def clean_value(self) -> str:
        value = as_typed(self.cleaned_data["value"])
        present = self.present
        if present is not None and not present.secret and value == _as_shown(present.value):
            return str(present.value)
        try:
            variables.check({self.cleaned_data.get("name", "VALUE"): value})
        except variables.VariableError as error:
            raise ValidationError(str(error), code="invalid") from error
        return value

    def clean(self) -> dict[str, Any]:
        data: dict[str, Any] = self.cleaned_data
        hidden = self.present is not None and self.present.secret
        if hidden and data.get("plain") and data.get("value") == "":
            self.add_error("value", "The value of a secret is not shown again: write a new one with this.")
        return data


def _as_shown(value: str) -> str:
    """A text area knows one kind of line break: a value that comes back like this was not edited."""
    return as_typed(value).replace("\r", "\n")


@dataclass(frozen=True, kw_only=True)
class Import:
    """A ``.env`` file as it was given, between the preview and its confirmation. ``seen``: what it met."""

    values: dict[str, str]
    named: list[str]
    replace: bool
    application: str
    person: int
    seen: str

    def to_text(self) -> str:
        return json.dumps(asdict(self))


class ImportForm(forms.Form):
    """A ``.env`` file, uploaded or pasted: its ``values``, and the secrets ``named`` in its comments."""

    file = forms.FileField(required=False, label="A .env file", allow_empty_file=True)
    text = forms.CharField(
        required=False,
        strip=False,
        label="Or its lines",
        help_text="NAME=value, one a line. Quote a value that spans lines.",
        widget=forms.Textarea(attrs={"rows": 4, **_CODE}),
    )
    replace = forms.BooleanField(
        required=False, label="Replace all", help_text="What is not in it is removed."
    )
    guess = forms.BooleanField(
        required=False,
        label="Only what looks like a secret is one",
        help_text="Otherwise each new variable is. You choose on the next page.",
    )

    def clean(self) -> dict[str, Any]:
        data: dict[str, Any] = self.cleaned_data
        upload, text = data.get("file"), data.get("text", "")
        if self.errors:
            return data
        if bool(upload) == bool(text.strip()):
            raise ValidationError("Choose a file or paste its lines, one of the two.", code="required")
        field = "file" if upload else "text"
        try:
            found = _read(upload) if upload else text
            data["values"] = variables.parse(found)
            data["named"] = sorted(env_files.named_secrets(found))
        except variables.VariableError as error:
            self.add_error(field, str(error))
        else:
            if not data["values"]:
                self.add_error(field, "Found no variable. Write NAME=value, one a line.")
        return data


def _read(upload: Any) -> str:
    """Of an uploaded file. Raises VariableError."""
    if upload.size > 2 * variables.SIZE_LIMIT:
        raise variables.VariableError(
            f"Found {upload.size:,} bytes, and {variables.SIZE_LIMIT:,} is the most that can be kept."
        )
    try:
        return str(upload.read(), "utf-8-sig")
    except UnicodeDecodeError as error:
        raise variables.VariableError("The file is no UTF-8 text. Save it as UTF-8.") from error


class AnswerForm(forms.Form):
    """What preflight asked for: a field for each variable, and the settings module among its candidates."""

    MODULE = "DJANGO_SETTINGS_MODULE"

    def __init__(
        self, *args: Any, names: Sequence[str], settings_modules: Sequence[str], **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self.names = list(names)
        if settings_modules:
            self.fields[self.MODULE] = forms.ChoiceField(
                label="Settings module", choices=[(each, each) for each in settings_modules]
            )
        for name in names:
            self.fields[name] = forms.CharField(
                label=name, strip=False, widget=forms.Textarea(attrs={"rows": 1, **_CODE})
            )
            # No variable's name has a space.
            self.fields[f"plain {name}"] = forms.BooleanField(required=False, label=PLAIN)

    def clean(self) -> dict[str, Any]:
        for name in self._asked() & set(self.cleaned_data):
            try:
                variables.check({name: as_typed(str(self.cleaned_data[name]))})
            except variables.VariableError as error:
                self.add_error(name, str(error))
        return self.cleaned_data

    def _asked(self) -> set[str]:
        return {*self.names, self.MODULE} & set(self.fields)

    @property
    def values(self) -> dict[str, str]:
        """Of a valid form."""
        return {name: as_typed(str(self.cleaned_data[name])) for name in self._asked()}

    @property
    def secret(self) -> dict[str, bool]:
        """Which of them are never shown again."""
        plain = {name for name in self.names if self.cleaned_data[f"plain {name}"]} | {self.MODULE}
        return {name: name not in plain for name in self._asked()}
