"""Make docs/findings/ from the catalogue: python -m ecdeployer.preflight.catalogue_pages DIRECTORY."""

import sys
import textwrap
from pathlib import Path

from .catalogue import Entry, entries

_WIDTH = 110


def pages() -> dict[str, str]:
    """File names and texts: a page for every code, and one that lists them."""
    made = {f"{code}.md": _page(entry) for code, entry in entries().items()}
    listed = [
        f"- [{code}]({code}.md): {entry.title} ({' or '.join(entry.levels)})"
        for code, entry in entries().items()
    ]
    intro = textwrap.fill(
        "What preflight can find in a repository before anything is launched. An error ends the deployment "
        "there; a warning or a note does not.",
        _WIDTH,
    )
    made["README.md"] = "\n".join(["# Findings", "", intro, "", *listed, ""])
    return made


def _page(entry: Entry) -> str:
    meaning, remedy = textwrap.fill(entry.meaning, _WIDTH), textwrap.fill(entry.remedy, _WIDTH)
    levels = " or ".join(entry.levels)
    return f"# {entry.title}\n\n`{entry.code}` · {levels}\n\n{meaning}\n\n## What to do\n\n{remedy}\n"


def main(directory: str) -> None:
    folder = Path(directory)
    folder.mkdir(parents=True, exist_ok=True)
    made = pages()
    for stale in set(folder.glob("*.md")) - {folder / name for name in made}:
        stale.unlink()
    for name, text in made.items():
        (folder / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
