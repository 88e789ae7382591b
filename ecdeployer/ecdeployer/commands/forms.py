"""What people ask of a machine."""

from typing import Any

from django import forms
from django.core.exceptions import ValidationError

from . import words


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
