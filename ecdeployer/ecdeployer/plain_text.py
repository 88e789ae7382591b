"""Free text as people type it, in any script, without what changes the text around it."""

import re

from django.core.exceptions import ValidationError

#: Control characters but tab and line ends, the marks that turn what stands beside them, half characters.
_FOREIGN = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff\ufeff]")


def check_plain_text(text: str) -> None:
    """A validator of form fields: what passes is kept as it stands."""
    found = _FOREIGN.search(text)
    if found:
        raise ValidationError(
            f"Found the character U+{ord(found[0]):04X}, which cannot be seen and changes how the text "
            "beside it is shown. Remove it.",
            code="invalid",
        )
