"""Branch names: git's rule, and a smaller alphabet than git's."""

import re

_ALPHABET = re.compile(r"[A-Za-z0-9._/+@-]")
_WRONG = (
    (re.compile(r"[-./].*"), "A branch name does not begin with {0}."),
    (re.compile(r".*(\.|/|\.lock)"), "A branch name does not end with {1}."),
    (re.compile(r".*(\.\.|//|/\.|\.lock/).*"), "A branch name does not hold {1}."),
    (re.compile(r"@"), "A branch cannot be named @."),
)


def check_branch(text: str) -> None:
    """Raise ValueError, with words for the person, unless it may be given to git as a branch or tag.

    The rule is that of git-check-ref-format, which alone would let ``main;id`` and ``$(id)`` pass: so only
    letters, digits and ``._/+@-`` are accepted, which every branch that a hosting site makes consists of.
    """
    if not text or len(text) > 200:
        raise ValueError("A branch name has between 1 and 200 characters.")
    foreign = next((character for character in text if not _ALPHABET.fullmatch(character)), None)
    if foreign is not None:
        raise ValueError(
            f"Found {text[:60]!r}, with the character {foreign!r}. A branch name consists of letters, digits "
            "and the characters . _ / + @ -"
        )
    for pattern, message in _WRONG:
        found = pattern.fullmatch(text)
        if found:
            raise ValueError(f"Found {text[:60]!r}. " + message.format(text[0], *found.groups()))
