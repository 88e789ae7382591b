"""A repository that is made to harm: cloned and read as every other, within the limits, with nothing run."""

import os
import time
from contextlib import suppress
from pathlib import Path

import pytest
from ecdeployer.git.errors import GitError
from ecdeployer.git.repository import RepositoryURL, clone, parse_url
from ecdeployer.preflight.facts import ReadOptions
from ecdeployer.preflight.reading import Report
from ecdeployer.preflight.sandbox import ReadingError, read_in_child

from .served import git

pytestmark = [pytest.mark.integration, pytest.mark.enable_socket]
NAMES = [
    b"-rf", b"--upload-pack=touch canary", b"a b", b"a;touch canary", b"$(touch canary)", b"`touch canary`",
    b"a\nb", b"a\tb", b"it's", b'"quoted"', b"\xff\xfe", b"\xe2\x80\xaetxt.exe", b"*", b"%s%n", b"{{ 7*7 }}",
    b"<script>alert(1)", b"a" * 250,
]  # fmt: skip
SETTINGS = "import os\nSECRET_KEY = 'x'\nDEBUG = True\nALLOWED_HOSTS = []\nINSTALLED_APPS = []\n"
READ = ReadOptions(machine_python="3.11", python_downloads=False)


@pytest.fixture
def work(tmp_path: Path) -> Path:
    """A project that obeys the layout rule, in a repository with everything else."""
    made = tmp_path / "work"
    package = made / "shop" / "shop"
    package.mkdir(parents=True)
    manage = "import os\nos.environ.setdefault('DJANGO_SETTINGS_MODULE', 'shop.settings')\n"
    (made / "shop/manage.py").write_text(manage)
    (package / "wsgi.py").write_text(manage + "application = None\n")
    (package / "__init__.py").write_text("import os\nos.system('touch canary')\n")
    (package / "settings.py").write_text(SETTINGS + "os.system('touch canary')\n")
    (made / "requirements.txt").write_text("django\n")
    git(made, "init", "--quiet")
    return made


def publish(work: Path, folder: Path, server: str) -> RepositoryURL:
    git(work, "add", "--all", "--force")
    git(work, "commit", "--quiet", "--message", "Harm")
    git(work, "clone", "--quiet", "--bare", str(work), str(folder / "project"))
    return parse_url(f"{server}/project", allowed_hosts=[server])


def read(url: RepositoryURL, tree: Path) -> Report:
    clone(url, branch="", destination=tree)
    return read_in_child(tree, project_name="shop", environment=(), options=READ)


def canaries(tmp_path: Path) -> list[Path]:
    return [*tmp_path.rglob("canary"), *Path.cwd().glob("canary"), *Path("/tmp").glob("canary")]


def test_hostile_names_links_and_settings_of_git_do_nothing(
    work: Path, folder: Path, server: str, tmp_path: Path
) -> None:
    for name in NAMES:
        (work / "shop" / os.fsdecode(name)).write_text("import os; os.system('touch canary')\n")
    for link, target in (
        ("zero", "/dev/zero"),
        ("shadow", "/etc/shadow"),
        ("up", "../../../.."),
        ("self", "self"),
    ):
        (work / "shop" / link).symlink_to(target)
    (work / "requirements").symlink_to("/proc/self/environ")
    (work / ".gitmodules").write_text('[submodule "x"]\n\tpath = x\n\turl = ext::sh -c touch% canary\n')
    (work / ".gitattributes").write_text("* filter=run text eol=crlf\n")
    report = read(publish(work, folder, server), tmp_path / "tree")
    assert report.facts is not None
    assert report.facts.settings_module == "shop.settings"
    assert "root:" not in str(report.to_dict())
    assert canaries(tmp_path) == []


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("requirements.txt", "-r requirements.txt\n-c requirements.txt\n" * 20_000),
        ("requirements.txt", "django\n" * 1_000_000),
        ("requirements.txt", "a" * 20_000_000),
        ("pyproject.toml", "[project]\nname = 'x'\ndependencies = [\n" + "'a',\n" * 2_000_000 + "]\n"),
        ("pyproject.toml", "a = " + "[" * 100_000),
        ("shop/shop/settings.py", SETTINGS + "X = " + "(" * 50_000),
        ("shop/shop/settings.py", SETTINGS + "X = 'a' * 10 ** 12\nY = 2 ** 10 ** 9\nwhile True: pass\n"),
        ("shop/shop/settings.py", SETTINGS + "from .settings import *\n" * 10_000),
        ("shop/shop/settings.py", "\0" * 1000),
    ],
    ids=lambda value: value[:24] if isinstance(value, str) else None,
)
def test_a_file_that_is_made_to_exhaust_ends_within_the_limits(
    work: Path, folder: Path, server: str, tmp_path: Path, path: str, text: str
) -> None:
    (work / path).write_text(text)
    began = time.monotonic()
    with suppress(GitError, ReadingError):
        read(publish(work, folder, server), tmp_path / "tree")
    assert time.monotonic() - began < 90
    assert canaries(tmp_path) == []


def test_a_huge_file_is_refused_before_it_is_written(
    work: Path, folder: Path, server: str, tmp_path: Path
) -> None:
    with (work / "huge").open("wb") as file:
        file.truncate(1100 * 2**20)
    with pytest.raises(GitError):
        clone(publish(work, folder, server), branch="", destination=tmp_path / "tree")
    written = sum(each.stat().st_size for each in (tmp_path / "tree").rglob("*") if each.is_file())
    assert written < 16 * 2**20


def test_directories_without_end_are_given_up(work: Path, folder: Path, server: str, tmp_path: Path) -> None:
    deep = work / "/".join(["d"] * 400)
    deep.mkdir(parents=True)
    (deep / "manage.py").write_text("x")
    with suppress(GitError, ReadingError):
        assert read(publish(work, folder, server), tmp_path / "tree").facts is not None
