"""An application edited: the same fields and rules as when it was registered."""

from collections.abc import Mapping
from typing import Any

from django.db.models import QuerySet
from django.forms import Form

from .forms import DetailsForm
from .models import Application

_SEEN = "seen-{}"
_WORDS = {True: "on", False: "off"}
MOVED = "Somebody else has changed this since you opened the page, to {}. Look at it, and save again."


class EditForm(DetailsForm):
    """Valid data becomes ``changes``, the fields that differ from what the person had before them.

    The page sends what it showed beside what was typed, so that a field that nobody touched is not written,
    and one that somebody else has changed meanwhile is not overwritten unseen.
    """

    def __init__(
        self, data: Mapping[str, Any] | None = None, *, application: Application, seen: Mapping[str, Any]
    ) -> None:
        super().__init__(data, owner=application.owner, initial=values_of(application))
        self.application = application
        self.seen = seen
        self.fields["name"].required = True
        self.fields["name"].help_text = "What you call it here."

    @property
    def others(self) -> QuerySet[Application]:
        return super().others.exclude(pk=self.application.pk)

    @property
    def shown(self) -> list[tuple[str, str]]:
        """Hidden fields of the page: what its person has before them. A box that is ticked says "on"."""
        given = values_of(self.application)
        return [(_SEEN.format(name), "on" if value is True else value or "") for name, value in given.items()]

    @property
    def changes(self) -> dict[str, Any]:
        return {name: self.cleaned_data[name] for name in self.fields if self.is_typed(name)}

    def is_typed(self, name: str) -> bool:
        return not is_same(self.cleaned_data.get(name), self.seen[name])


def add_moved(form: Form, moved: Mapping[str, Any]) -> None:
    """``moved``: by name, what a field is now that somebody else has changed as well."""
    for name, value in moved.items():
        shown = form.fields[name].prepare_value(value)
        form.add_error(name, MOVED.format(_WORDS[shown] if isinstance(shown, bool) else repr(shown)))


def values_of(application: Application) -> dict[str, Any]:
    return {name: getattr(application, name) for name in DetailsForm.base_fields}


def read_seen(data: Mapping[str, str], application: Application) -> dict[str, Any]:
    """What the page had shown; where it does not say, what is there now."""
    return {name: _read(data.get(_SEEN.format(name)), now) for name, now in values_of(application).items()}


def _read(said: str | None, now: Any) -> Any:
    if said is None:
        return now
    seen = said == "on" if isinstance(now, bool) else said
    return now if is_same(seen, now) else seen


def is_same(one: Any, other: Any) -> bool:
    """Browsers end the lines of a text in their own way."""
    if isinstance(one, str) and isinstance(other, str):
        return one.replace("\r\n", "\n") == other.replace("\r\n", "\n")
    return bool(one == other)
