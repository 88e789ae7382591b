"""Install what a release needs: install.py HOME PLAN, or install.py HOME PLAN missing.

Runs as the site's own user, because what it builds is the project's code. Changes go to descriptor 3 as JSON
lines; with ``missing``, descriptor 4 holds what a program said that could not import a module.
"""

import json
import os
import re
import subprocess
import sys
from typing import Any

from user_data import reuse
from user_data.requirement_lines import Reading, canonical

SERVER = "gunicorn>=22"
#: What old source distributions were written for, before setuptools and Cython dropped it.
OLD_BUILD = ("setuptools<66", "cython<3", "wheel<0.40")
#: For Pythons before the machine's own: newer ones cannot build them, or are broken by them.
IN_PYTHON = {"asyncio", "backports-zoneinfo", "dataclasses", "enum34", "futures", "pathlib", "typing"}
#: Modules whose package has another name, and packages that people use and forget to list.
PACKAGES = {
    "PIL": "Pillow",
    "allauth": "django-allauth",
    "bootstrap4": "django-bootstrap4",
    "bootstrap5": "django-bootstrap5",
    "boto3": "boto3",
    "bs4": "beautifulsoup4",
    "captcha": "django-simple-captcha",
    "celery": "celery",
    "channels": "channels",
    "channels_redis": "channels-redis",
    "ckeditor": "django-ckeditor",
    "ckeditor_uploader": "django-ckeditor",
    "colorfield": "django-colorfield",
    "compressor": "django-compressor",
    "coreapi": "coreapi",
    "corsheaders": "django-cors-headers",
    "crispy_bootstrap4": "crispy-bootstrap4",
    "crispy_bootstrap5": "crispy-bootstrap5",
    "crispy_forms": "django-crispy-forms",
    "cv2": "opencv-python-headless",
    "daphne": "daphne",
    "dateutil": "python-dateutil",
    "debug_toolbar": "django-debug-toolbar",
    "decouple": "python-decouple",
    "dj_database_url": "dj-database-url",
    "django_celery_beat": "django-celery-beat",
    "django_countries": "django-countries",
    "django_extensions": "django-extensions",
    "django_filters": "django-filter",
    "django_heroku": "django-heroku",
    "django_htmx": "django-htmx",
    "django_redis": "django-redis",
    "dotenv": "python-dotenv",
    "drf_spectacular": "drf-spectacular",
    "drf_yasg": "drf-yasg",
    "easy_thumbnails": "easy-thumbnails",
    "environ": "django-environ",
    "guardian": "django-guardian",
    "import_export": "django-import-export",
    "jazzmin": "django-jazzmin",
    "jwt": "PyJWT",
    "knox": "django-rest-knox",
    "markdown": "Markdown",
    "mptt": "django-mptt",
    "openpyxl": "openpyxl",
    "paypal": "django-paypal",
    "phonenumber_field": "django-phonenumber-field[phonenumbers]",
    "pkg_resources": "setuptools<81",
    "psycopg2": "psycopg2-binary",
    "pymysql": "PyMySQL",
    "redis": "redis",
    "requests": "requests",
    "rest_auth": "django-rest-auth",
    "rest_framework": "djangorestframework",
    "rest_framework_simplejwt": "djangorestframework-simplejwt",
    "silk": "django-silk",
    "simple_history": "django-simple-history",
    "social_django": "social-auth-app-django",
    "sorl": "sorl-thumbnail",
    "storages": "django-storages",
    "stripe": "stripe",
    "taggit": "django-taggit",
    "tinymce": "django-tinymce",
    "whitenoise": "whitenoise",
    "widget_tweaks": "django-widget-tweaks",
    "yaml": "PyYAML",
}


class Installer:
    """uv and pip on one virtual environment; everything they say goes to the log."""

    def __init__(self, home: str) -> None:
        self.home = home
        self.venv = reuse.own(home)
        # By the name of the environment itself: scripts in it name the Python that installed them.
        self.python = f"{self.venv}/bin/python"
        self.files = f"{home}/source/.git"

    def install(self, lines: list[str], constraints: list[str]) -> bool:
        """With uv; where it cannot build, with the tools of old; where it cannot resolve, with pip.

        Later versions of pip refuse the metadata of old packages, as uv does.
        """
        wanted = ["-r", self._write("requirements", lines)]
        if constraints:
            wanted += ["-c", self._write("constraints", constraints)]
        builds = self._write("builds", OLD_BUILD)
        uv = ["uv", "pip", "install", "--python", self.python, "--index-strategy", "unsafe-best-match"]
        done, said = self._run([*uv, *wanted])
        if not done and re.search("Failed to build|build backend", said):
            print("Trying again with older build tools:", *OLD_BUILD, flush=True)
            done, said = self._run([*uv, "--build-constraints", builds, *wanted])
        if not done:
            print("Trying again with pip", flush=True)
            pip = [self.python, "-m", "pip", "install", "--no-cache-dir", "--progress-bar", "off"]
            done = (
                self._run([*uv, "pip<24.1"])[0] and self._run([*pip, *wanted], {"PIP_CONSTRAINT": builds})[0]
            )
        return done or (bool(constraints) and self.install(lines, []))

    def _write(self, name: str, lines: Any) -> str:
        path = f"{self.files}/ecdeployer-{name}.txt"
        with open(path, "w", encoding="utf-8") as file:
            file.writelines(f"{line}\n" for line in lines)
        return path

    def _run(self, command: list[str], extra: dict[str, str] | None = None) -> tuple[bool, str]:
        directory = f"{self.home}/source"
        child = subprocess.Popen(
            command, cwd=directory, env=os.environ | (extra or {}), text=True, errors="replace",
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip
        said = ""
        for line in child.stdout or ():
            sys.stdout.write(line)
            sys.stdout.flush()
            said = (said + line)[-100_000:]
        return child.wait() == 0, said

    def version(self, package: str) -> list[int]:
        """The installed version's numbers; empty where it is not installed."""
        code = "import importlib.metadata as m, sys; print(m.version(sys.argv[1]))"
        answer = subprocess.run(
            [self.python, "-c", code, package], capture_output=True, text=True, check=False
        )
        return [int(number) for number in re.findall(r"\d+", answer.stdout)]


def tell(setting: str, before: str, after: str, why: str) -> dict[str, str]:
    change = {"setting": setting, "from": before[:300], "to": after[:300], "why": why}
    with os.fdopen(os.dup(3), "w", encoding="ascii") as file:
        file.write(json.dumps(change) + "\n")
    return change


def collect(home: str, plan: dict[str, Any]) -> Reading:
    """The project's lines, and ours below them where it does not name the package itself."""
    reading = Reading(f"{home}/source")
    for kind, path in plan["requirement_sources"]:
        reading.add(kind, path)
    export_uv_lock(reading, plan)
    for line, after, why in reading.notes:
        print(f"{line}: {after}. {why}")
        tell("requirements", line, after, why)
    names = {canonical(line) for line in reading.lines}
    if not reading.lines:
        reading.lines.append("django")
        tell("requirements", "none", "django", "The repository lists no requirements.")
    if not plan.get("python"):
        leave_out_backports(reading)
    pinned = [line for line in reading.lines if canonical(line) == "gunicorn"]
    if any(is_old_server(line) for line in pinned):
        reading.lines = [line for line in reading.lines if line not in pinned]
        tell("requirements", pinned[0], SERVER, "Older ones do not start, or let requests be smuggled.")
    reading.lines += [
        line for line in ours(plan) if canonical(line) not in names or canonical(line) == "gunicorn"
    ]
    return reading


def leave_out_backports(reading: Reading) -> None:
    for line in [line for line in reading.lines if canonical(line) in IN_PYTHON]:
        reading.lines.remove(line)
        tell("requirements", line, "left out", "It is a part of the machine's Python.")


def is_old_server(line: str) -> bool:
    """Whether a requirement of gunicorn allows none but versions before 22."""
    bounds = re.findall(r"(===?|~=|<=?)\s*(\d+)", line)
    return any(int(major) < 22 or (sign == "<" and int(major) == 22) for sign, major in bounds)


def ours(plan: dict[str, Any]) -> list[str]:
    lines = [SERVER]
    if plan["interface"] == "asgi":
        lines += ["uvicorn", "uvicorn-worker", "websockets"]
    return lines


def export_uv_lock(reading: Reading, plan: dict[str, Any]) -> None:
    """Exact versions where uv's lock stands beside the project file."""
    for _, path in plan["requirement_sources"]:
        folder = os.path.join(reading.root, os.path.dirname(path))
        if os.path.basename(path) in ("pyproject.toml", "uv.lock") and os.path.isfile(f"{folder}/uv.lock"):
            command = [
                "uv",
                "export",
                "--frozen",
                "--no-dev",
                "--no-emit-project",
                "--no-hashes",
                "--no-header",
            ]
            done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
            lines = [
                line for line in done.stdout.splitlines() if line.strip() and not line.strip().startswith("#")
            ]
            if done.returncode == 0 and lines:
                named = {canonical(line) for line in lines}
                reading.lines = [line for line in reading.lines if canonical(line) not in named]
                reading.lines += [line for line in lines if not line.startswith("-e .")]


def add(installer: Installer, package: str, *, before: str, why: str) -> None:
    """A package that nobody listed."""
    if not installer.install([package], []):
        sys.exit(1)
    reuse.note(installer.venv, tell("requirements", before, package, why))


def install_all(home: str, plan: dict[str, Any], *, may_share: bool = True) -> None:
    installer = Installer(home)
    reading = collect(home, plan)
    key = reuse.key(reading, plan)
    venv = reuse.find(home, key) if may_share else installer.venv
    reuse.choose(venv)
    if venv != installer.venv:
        print(f"The requirements are those of the live release: its packages, in {venv}, serve this one too.")
        for change in reuse.read(venv)["changes"]:
            tell(change["setting"], change["from"], change["to"], change["why"])
        return
    if not installer.install(reading.lines, reading.constraints):
        sys.exit(1)
    django = installer.version("django")
    if not django:
        sys.exit(
            "Everything was installed, and Django is not among it: no requirement for this machine names it."
        )
    reuse.write(installer.venv, {"key": key, "changes": []})
    if plan["database"] == "mysql" and not any(map(installer.version, ("mysqlclient", "pymysql"))):
        add(installer, "mysqlclient", before="no MySQL driver", why="The database is MySQL.")
    needs_postgresql = plan["database"] == "postgresql" or "postgresql" in plan["services"]
    if needs_postgresql and not any(map(installer.version, ("psycopg", "psycopg2", "psycopg2-binary"))):
        driver = "psycopg[binary]" if django >= [4, 2] else "psycopg2-binary"
        add(installer, driver, before="no PostgreSQL driver", why="The database is PostgreSQL.")


def install_missing(home: str, plan: dict[str, Any]) -> None:
    """The package of a module that was not found, where it is well known; status 1 where it is not."""
    if reuse.used(home) != reuse.own(home):
        print("The code needs more than the live release has: it gets packages of its own.", flush=True)
        install_all(home, plan, may_share=False)
    installer = Installer(home)
    with os.fdopen(4, errors="replace") as file:
        said = file.read()[-20_000:]
    found = re.findall(r"No module named ['\"]([\w.]+)['\"]", said)
    if "Error loading psycopg2" in said:
        found.append("psycopg2")
    # coreapi imports pkg_resources, and Django REST framework takes one that fails for one that is absent.
    if "`coreapi` must be installed" in said or ("coreapi.Field" in said and "'NoneType'" in said):
        found.append("pkg_resources" if installer.version("coreapi") else "coreapi")
    if "because Pillow is not installed" in said:
        found.append("PIL")
    module = found[-1].split(".")[0] if found else ""
    package = PACKAGES.get(module)
    # With a bound it is an older one that has the module.
    if not package or ("<" not in package and installer.version(re.split("[>=[]", package)[0])):
        sys.exit(1)
    why = f"The code imports {module}, and no requirement names it."
    print(why, f"Installing {package}.", flush=True)
    add(installer, package, before="not listed", why=why)


def main(home: str, plan: str, *rest: str) -> None:
    if rest:
        install_missing(home, json.loads(plan))
    else:
        install_all(home, json.loads(plan))


if __name__ == "__main__":
    main(*sys.argv[1:])
