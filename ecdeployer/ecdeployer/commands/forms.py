"""What people ask of a machine."""

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.core.validators import MaxLengthValidator

from ..cloud_init import calendars
from . import words

#: Of a scheduled command: twenty of them travel with a machine's user data.
SCHEDULED_LENGTH = 300


class ManageForm(forms.Form):
    """One line for manage.py; ``cleaned_data["words"]`` holds its words."""

    words = forms.CharField(
        label="manage.py",
        max_length=words.LENGTH,
        help_text="For instance: migrate --plan, clearsessions, shell -c 'print(1)'. No shell reads it: "
        "pipes and variables are plain words.",
        widget=forms.TextInput(
            attrs={"spellcheck": "false", "autocomplete": "off", "autocapitalize": "off", "class": "code"}
        ),
    )

    def clean_words(self) -> list[str]:
        try:
            return words.read(str(self.cleaned_data["words"]))
        except words.WordsError as error:
            raise ValidationError(str(error), code="invalid") from error


class ScheduleForm(ManageForm):
    """``cleaned_data`` holds ``words`` and ``cron``."""

    field_order = ["cron", "words"]
    cron = forms.CharField(
        label="When, in UTC",
        max_length=calendars.LONGEST,
        help_text="Minute, hour, day, month, weekday: */15 * * * * is every quarter of an hour, "
        "30 4 * * mon-fri half past four on weekdays.",
        widget=forms.TextInput(attrs={"spellcheck": "false", "autocomplete": "off", "class": "code"}),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["words"].validators.append(MaxLengthValidator(SCHEDULED_LENGTH))
        self.fields["words"].help_text = "For instance: clearsessions. It ends after an hour."

    def clean_cron(self) -> str:
        text = " ".join(str(self.cleaned_data["cron"]).split())
        try:
            calendars.read(text)
        except calendars.CalendarError as error:
            raise ValidationError(str(error), code="invalid") from error
        return text


class SuperuserForm(forms.Form):
    username = forms.CharField(
        max_length=150, widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"})
    )
    email = forms.EmailField(required=False, widget=forms.EmailInput(attrs={"autocomplete": "off"}))
    password = forms.CharField(
        min_length=10,
        max_length=128,
        strip=False,
        help_text="At least 10 characters. It is hashed at once, and stored nowhere.",
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )
    password_again = forms.CharField(
        strip=False, max_length=128, widget=forms.PasswordInput(attrs={"autocomplete": "new-password"})
    )

    def clean(self) -> dict[str, Any]:
        data: dict[str, Any] = self.cleaned_data
        again = data.get("password_again")
        if again is not None and data.get("password") not in (None, again):
            self.add_error("password_again", "The two passwords differ. Type the same one twice.")
        return data
