"""A repository that is made to harm: cloned and read as every other, within the limits, with nothing run."""

import os
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest
from ecdeployer.deployments import texts
from ecdeployer.git.errors import GitError
from ecdeployer.git.repository import RepositoryURL, clone, head, parse_url
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


def processes(mark: str) -> list[str]:
    """What was started with this in its environment, and is there still."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if mark.encode() in (process / "environ").read_bytes() and process.name != str(os.getpid()):
                found.append((process / "cmdline").read_text(errors="replace"))
    return found


@pytest.fixture(autouse=True)
def nothing_is_left(tmp_path: Path, server: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No process, no file outside the tree, nothing run: looked for after every test of this file."""
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    monkeypatch.setenv("PATH", f"{os.environ['PATH']}:{tmp_path}/mark")
    here = set(Path.cwd().iterdir())
    yield
    assert processes(f"{tmp_path}/mark") == []
    assert list(temporary.iterdir()) == []
    assert {each.name for each in tmp_path.iterdir()} <= {"temporary", "tree", "work", "served"}
    assert set(Path.cwd().iterdir()) <= here
    assert canaries(tmp_path) == []


def test_a_process_that_stays_would_be_found(tmp_path: Path) -> None:
    """The look for what is left can fail."""
    with subprocess.Popen(["sleep", "60"]) as stays:
        assert len(processes(f"{tmp_path}/mark")) == 1
        stays.kill()


def publish_tree(work: Path, folder: Path, server: str, tree: str) -> RepositoryURL:
    """A commit of a tree that no checkout could have made."""
    commit = git(work, "commit-tree", tree, "-m", "Harm")
    git(work, "update-ref", "refs/heads/main", commit)
    git(work, "symbolic-ref", "HEAD", "refs/heads/main")
    git(work, "clone", "--quiet", "--bare", str(work), str(folder / "project"))
    return parse_url(f"{server}/project", allowed_hosts=[server])


def make_tree(work: Path, *entries: str) -> str:
    """``entries`` as ``git mktree`` reads them: mode, type, object, a tab and the name."""
    return subprocess.run(
        ["git", "mktree", "-z"],
        cwd=work,
        input="\0".join(entries),
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()


def blob(work: Path, text: str) -> str:
    return subprocess.run(
        ["git", "hash-object", "-w", "--stdin"],
        cwd=work,
        input=text,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()


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
    (work / ".gitmodules").write_text(
        '[submodule "x"]\n\tpath = x\n\turl = ext::sh -c touch% canary\n\tupdate = !touch canary\n'
        '[submodule "../../y"]\n\tpath = ../y\n\turl = --upload-pack=touch canary\n'
        '[submodule "z"]\n\tpath = -rf\n\turl = ssh://-oProxyCommand=touch%20canary/z\n'
    )
    (work / ".gitattributes").write_text("* filter=run text eol=crlf\n*.py export-subst ident diff=run\n")
    (work / ".gitconfig").write_text('[core]\n\thooksPath = hooks\n[filter "run"]\n\tsmudge = touch canary\n')
    for hooks in ("hooks", ".githooks", "shop/git/hooks", "x.git/hooks"):
        for hook in ("post-checkout", "post-merge", "reference-transaction", "fsmonitor-watchman"):
            (work / hooks).mkdir(parents=True, exist_ok=True)
            (work / hooks / hook).write_text("#!/bin/sh\ntouch canary\n")
            (work / hooks / hook).chmod(0o755)
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
        ("requirements.txt", "a" + "[x]" * 100_000 + "\\\n" * 100_000),
        ("requirements.txt", "a ; " + "(" * 50_000 + "python_version > '3'" + ")" * 50_000),
        ("uv.lock", "version = 1\na = " + "[" * 100_000),
        ("poetry.lock", "".join(f"[[{'a.' * 500}b{n}]]\n" for n in range(500))),
        ("Pipfile", "[packages]\na = " + "{a=" * 20_000),
        ("Pipfile.lock", '{"a":' * 200_000),
        ("setup.cfg", "[options]\ninstall_requires =\n" + "  django\n" * 200_000),
        ("setup.py", "setup(install_requires=" + "[" * 50_000),
        ("runtime.txt", "python-" + "9." * 500_000),
        (".python-version", "9" * 1_000_000),
        (
            "shop/shop/settings.py",
            SETTINGS + "X = [1]\n" + "X = [X, X, X]\n" * 200 + "DATABASES = {'default': X}\n",
        ),
        ("shop/shop/settings.py", SETTINGS + "X = 'ab'\n" + "X = X + X\n" * 200 + "STATIC_URL = X\n"),
        ("shop/shop/settings.py", SETTINGS + "X = " + "+".join(["1"] * 50_000)),
        ("shop/shop/settings.py", SETTINGS + "X = " + "-" * 80_000 + "1"),
        (
            "shop/shop/settings.py",
            SETTINGS + "".join(" " * n + "if x:\n" for n in range(1, 100)) + " " * 100 + "a=1",
        ),
        ("shop/shop/settings.py", SETTINGS + "X = f'" + '{f"' * 200 + "'\n"),
        ("shop/shop/settings.py", SETTINGS + "X = [[y for y in range(9**9)] for z in range(9**9)]\n"),
        ("shop/shop/settings.py", SETTINGS + "X = '%0999999999d' % 1\nY = '{:>999999999}'.format(1)\n"),
        ("shop/shop/settings.py", SETTINGS + "X = 2 ** 2 ** 2 ** 2 ** 2 ** 2\nY = 1 << 10 ** 12\n"),
        (
            "shop/shop/settings.py",
            SETTINGS + "X = int('9' * 10 ** 9)\nY = 'a'.join(['b' * 9 ** 9] * 9 ** 9)\n",
        ),
        ("shop/shop/settings.py", SETTINGS + "def f(): return f() + f()\nX = f()\n"),
        ("shop/shop/settings.py", SETTINGS + "import re\nX = re.match('(a+)+$', 'a' * 99 + 'b')\n"),
    ],
    ids=lambda value: value[:24] if isinstance(value, str) else None,
)
def test_a_file_that_is_made_to_exhaust_ends_within_the_limits(
    work: Path, folder: Path, server: str, tmp_path: Path, path: str, text: str
) -> None:
    (work / path).write_text(text)
    url = publish(work, folder, server)
    began = time.monotonic()
    with suppress(GitError, ReadingError):
        report = read(url, tmp_path / "tree")
        assert len(report.findings) <= 200
        assert len(str(report.to_dict())) < 2**20
    assert time.monotonic() - began < 60
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


@pytest.mark.parametrize("depth", [400, 1_900])
def test_directories_without_end_are_refused(
    work: Path, folder: Path, server: str, tmp_path: Path, depth: int
) -> None:
    """Python opens a directory of each depth to remove them: a thousand could not be removed again."""
    tree = make_tree(work, f"100644 blob {blob(work, 'x')}\tmanage.py")
    for _ in range(depth):
        tree = make_tree(work, f"040000 tree {tree}\td")
    with pytest.raises(GitError) as refusal, tempfile.TemporaryDirectory() as directory:
        clone(publish_tree(work, folder, server, tree), branch="", destination=Path(directory) / "tree")
    assert refusal.value.code == "repository-too-large"


def test_a_tree_that_holds_itself_is_refused_before_it_is_listed(
    work: Path, folder: Path, server: str, tmp_path: Path
) -> None:
    tree = make_tree(work, *(f"100644 blob {blob(work, 'x')}\tf{n}" for n in range(10)))
    for _ in range(10):
        tree = make_tree(work, *(f"040000 tree {tree}\td{n}" for n in range(10)))
    began = time.monotonic()
    with pytest.raises(GitError) as refusal:
        clone(publish_tree(work, folder, server, tree), branch="", destination=tmp_path / "tree")
    assert refusal.value.code == "repository-too-large"
    assert time.monotonic() - began < 20


@pytest.mark.parametrize("name", [".git", ".GIT", "..", ".", "git~1", ".git\u200c", ".git ", "a/../../b"])
def test_a_directory_in_the_place_of_gits_own_runs_nothing(
    work: Path, folder: Path, server: str, tmp_path: Path, name: str
) -> None:
    hook = f"100755 blob {blob(work, '#!/bin/sh' + chr(10) + 'touch canary' + chr(10))}\tpost-checkout"
    config = f"100644 blob {blob(work, '[core]' + chr(10) + 'fsmonitor = touch canary' + chr(10))}\tconfig"
    inner = make_tree(work, f"040000 tree {make_tree(work, hook)}\thooks", config)
    with suppress(GitError, ReadingError, subprocess.CalledProcessError):
        read(
            publish_tree(work, folder, server, make_tree(work, f"040000 tree {inner}\t{name}")),
            tmp_path / "tree",
        )


@pytest.mark.parametrize(
    "target",
    [
        "/etc/passwd",
        "/proc/self/environ",
        "/proc/self/root/etc/passwd",
        "/dev/zero",
        "../../../../../../etc/passwd",
        "settings.py",
        ".",
        "../..",
    ],
)
@pytest.mark.parametrize(
    "path", ["shop/manage.py", "shop/shop/settings.py", "shop/shop", "requirements.txt", ".env"]
)
def test_a_link_in_the_place_of_a_source_file_shows_nothing_of_the_worker(
    work: Path, folder: Path, server: str, tmp_path: Path, path: str, target: str
) -> None:
    place = work / path
    if place.is_dir():
        place.rename(place.with_name("moved"))
    place.unlink(missing_ok=True)
    place.symlink_to(target)
    report = read(publish(work, folder, server), tmp_path / "tree")
    told = str(report.to_dict())
    assert "root:" not in told
    assert "PATH=" not in told
    assert report.findings


@pytest.mark.parametrize(
    "lines",
    [
        "--index-url https://evil.example/simple\n--extra-index-url=http://e.example",
        "-e git+ext::sh%20-c%20touch%20canary#egg=x\n-e git+file:///etc#egg=y\n-e ../../../../etc",
        "x --global-option='--x; touch canary' --config-settings='a=$(touch canary)' --install-option=id",
        "-r /etc/passwd\n-r ../../../../../etc/passwd\n-c /proc/self/environ\n-r file:///etc/passwd\n-r http://[::1]",
        "-r -r\n-r --help\n-r $(touch canary)\n-r ${HOME}/x\n--requirement=/etc/passwd\n-rrequirements.txt",
        "--find-links /etc\n-f file:///etc\n--python=/etc/passwd\n--no-binary :all:",
        "x @ file:///etc/passwd\ny @ git+ssh://-oProxyCommand=id/x\nz@https://user:secret@evil.example/z.whl",
        "a==1;os.system('touch canary')\na==1 ; python_version.__class__ == '1'\n\u202edjango\n\x1b[2Jdjango",
    ],
)
def test_options_in_requirements_are_read_and_not_obeyed(
    work: Path, folder: Path, server: str, tmp_path: Path, lines: str
) -> None:
    (work / "requirements.txt").write_text(lines + "\ndjango\n")
    report = read(publish(work, folder, server), tmp_path / "tree")
    assert report.facts is not None
    assert "root:" not in str(report.to_dict())
    for source in report.facts.requirement_sources:
        assert (tmp_path / "tree" / source.path).resolve().is_relative_to(tmp_path / "tree")


def test_requirements_that_include_each_other_are_read_once(
    work: Path, folder: Path, server: str, tmp_path: Path
) -> None:
    count = 1_000
    (work / "requirements.txt").write_text("-r r0.txt\n-c r0.txt\n")
    for number in range(count):
        names = (
            f"-r r{(number + step) % count}.txt\n-c r{(number * step) % count}.txt\n" for step in range(20)
        )
        (work / f"r{number}.txt").write_text("".join(names) + f"django{number}\n")
    began = time.monotonic()
    report = read(publish(work, folder, server), tmp_path / "tree")
    assert time.monotonic() - began < 30
    assert report.facts is not None


def test_what_settings_ask_for_can_be_stored_and_shown(
    work: Path, folder: Path, server: str, tmp_path: Path
) -> None:
    """PostgreSQL takes neither a NUL nor half a character, in JSON neither."""
    asked = "".join(f"os.environ[{name}]\n" for name in (r"'A\\0B'", r"'\\ud800'", r"'<b>'", r"'\\u202eA'"))
    (work / "shop/shop/settings.py").write_text(SETTINGS + asked.replace("\\\\", "\\"))
    (work / "requirements.txt").write_text("django\n\x00\u202e\x1b[31m nonsense !!\n")
    report = read(publish(work, folder, server), tmp_path / "tree")
    told = str(report.to_dict())
    assert "<b>" in told
    assert "\\x00" not in told
    assert "\\ud800" not in told
    for finding in report.findings:
        assert texts.clean(finding.message).replace("\n", "").isprintable()


def test_a_commit_says_what_a_page_can_show(work: Path, folder: Path, server: str, tmp_path: Path) -> None:
    git(work, "add", "--all", "--force")
    date = "@253402300700 -1200"
    dated = ["env", f"GIT_COMMITTER_DATE={date}", f"GIT_AUTHOR_DATE={date}", "GIT_COMMITTER_NAME=\u202ea",
             "GIT_COMMITTER_EMAIL=<>", "GIT_AUTHOR_NAME=<b>a</b>\x1b[31m", "GIT_AUTHOR_EMAIL=a"]  # fmt: skip
    command = [
        *dated,
        "git",
        "commit",
        "--quiet",
        "--message",
        "\x1b[2J$(touch canary)<script>" + "x" * 9_000,
    ]
    subprocess.run(command, cwd=work, check=True)
    git(work, "clone", "--quiet", "--bare", str(work), str(folder / "project"))
    url = parse_url(f"{server}/project", allowed_hosts=[server])
    commit = clone(url, branch="", destination=tmp_path / "tree")
    assert commit.committed_at.timestamp() <= time.time()
    assert texts.clean(commit.subject).startswith("$(touch canary)<script>")
    assert "\x1b" not in texts.clean(commit.author)


def test_a_default_branch_that_no_row_can_hold_is_refused(
    work: Path, folder: Path, server: str, tmp_path: Path
) -> None:
    url = publish(work, folder, server)
    for name in ("a" * 240, "$(touch${IFS}canary)/" + "b/" * 100 + "c"):
        git(folder / "project", "update-ref", f"refs/heads/{name}", git(work, "rev-parse", "HEAD"))
        git(folder / "project", "symbolic-ref", "HEAD", f"refs/heads/{name}")
        with pytest.raises(GitError) as refusal, tempfile.TemporaryDirectory() as directory:
            clone(url, branch="", destination=Path(directory) / "tree")
        assert refusal.value.code == "branch-refused"


@pytest.mark.parametrize(
    "address",
    [
        "ext::sh -c touch% canary", "--upload-pack=touch canary", "-c core.sshCommand=touch canary",
        "fd::17", "file:///etc", "/etc", "ssh://-oProxyCommand=touch%20canary/x", "git://127.0.0.1/x",
        "--config=protocol.ext.allow=always", "ext::git-upload-pack% /tmp", "a\nb", "", "http:x", "https::x",
    ],
)  # fmt: skip
def test_git_refuses_an_address_that_nobody_has_checked(work: Path, folder: Path, server: str, tmp_path: Path,
                                                        address: str) -> None:  # fmt: skip
    url = replace(parse_url(f"{server}/project", allowed_hosts=[server]), url=address)
    with pytest.raises(GitError):
        clone(url, branch="", destination=tmp_path / "tree")
    with pytest.raises(GitError):
        head(url, branch="")


@pytest.mark.parametrize(
    "branch", ["--upload-pack=touch canary", "-b", "$(touch canary)", "a\nb", "*", "a b", "a" * 999]
)
def test_git_is_given_no_branch_that_nobody_has_checked(
    work: Path, folder: Path, server: str, tmp_path: Path, branch: str
) -> None:
    url = publish(work, folder, server)
    for ask in (
        lambda: clone(url, branch=branch, destination=tmp_path / "tree"),
        lambda: head(url, branch=branch),
    ):
        with pytest.raises(GitError) as refusal:
            ask()
        assert refusal.value.code == "branch-refused"
