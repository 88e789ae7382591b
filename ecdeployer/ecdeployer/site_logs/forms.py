"""What people ask of a machine's logs."""

from collections.abc import Iterable
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.template.defaultfilters import filesizeformat
from django.utils.timesince import timesince

from ..commands.sources import LABELS, NAME, Source
from ..plain_text import check_plain_text
from .questions import LINES, MINUTES, SEARCH, Question


class LogForm(forms.Form):
    """``question`` is what was asked; ``whole`` is the name of the button that downloads."""

    source = forms.CharField(label="Log", max_length=80, widget=forms.Select)
    search = forms.CharField(
        label="Only lines with",
        max_length=SEARCH,
        required=False,
        strip=False,
        validators=[check_plain_text],
        widget=forms.TextInput(attrs={"type": "search", "autocomplete": "off", "spellcheck": "false"}),
    )
    minutes = forms.TypedChoiceField(label="From", coerce=int, choices=list(MINUTES.items()))
    lines = forms.TypedChoiceField(
        label="At most", coerce=int, choices=[(number, f"{number:,} lines") for number in LINES]
    )
    follow = forms.BooleanField(label="Live", required=False)

    def __init__(self, *args: Any, sources: Iterable[Source] = (), **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        listed = {source.name: _option(source) for source in sources}
        asked = str(self["source"].value() or "")
        if NAME.fullmatch(asked) and asked not in listed:
            listed[asked] = Source(name=asked).label
        self.fields["source"].widget.choices = list(listed.items())

    def clean_source(self) -> str:
        source = str(self.cleaned_data["source"])
        if not NAME.fullmatch(source):
            raise ValidationError(
                f"Found {source[:40]!r}, which is no log's name. Choose one, such as {', '.join(LABELS)}.",
                code="invalid",
            )
        return source

    @property
    def question(self) -> Question:
        return Question(**self.cleaned_data, whole="whole" in self.data)


def _option(source: Source) -> str:
    about = [] if source.size is None else [filesizeformat(source.size)]
    if source.changed_at is not None:
        about.append(f"{timesince(source.changed_at, depth=1)} ago")
    return " · ".join([source.label, *about])
