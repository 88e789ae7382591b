"""The base disk: Debian 12 with systemd and cloud-init, made once from Debian's own archive."""

import hashlib
import os
import re
import signal
import ssl
import subprocess
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TextIO

from localcloud.host import CommandError
from localcloud.mounts import remove_tree

Progress = Callable[[str], None]
Enter = Callable[[Sequence[str]], list[str]]

SUITE = "bookworm"
UNFINISHED = ".unfinished-"
ARCHIVE = "http://deb.debian.org/debian"
SECURITY = "http://deb.debian.org/debian-security"
PACKAGES = (
    *(
        "systemd",
        "systemd-sysv",
        "dbus",
        "libpam-systemd",
        "cloud-init",
        "python3",
        "ca-certificates",
        "curl",
    ),
    *("iproute2", "iputils-ping", "sudo", "less", "procps", "gnupg", "netbase"),
)
_BUNDLES = ("/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem")
_CERTIFICATE = re.compile(r"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----\n?", re.DOTALL)
_PHASE = re.compile(r"(?:I: )?(Retrieving|Extracting|Unpacking|Configuring|Setting up)\b")
_UPDATE_TIMERS = ("apt-daily.timer", "apt-daily-upgrade.timer", "e2scrub_all.timer", "fstrim.timer")

# Where a container is not a machine of EC2: no network to set up, no disk to grow, its own mirror.
CLOUD_CONFIG = """\
datasource_list: [NoCloud, None]
network: {config: disabled}
apt: {preserve_sources_list: true}
growpart: {mode: 'off'}
resize_rootfs: false
manage_etc_hosts: false
"""


def host_bundle() -> str:
    """The host's certificate authorities, as PEM text."""
    for path in (os.environ.get("SSL_CERT_FILE", ""), *_BUNDLES):
        if path and Path(path).is_file():
            return Path(path).read_text(errors="replace")
    return ""


def certificates(bundle: str) -> dict[bytes, str]:
    """PEM texts by their DER content."""
    return {ssl.PEM_cert_to_DER_cert(text): text for text in _CERTIFICATE.findall(bundle)}


def mirrors(sources: Iterable[str]) -> tuple[str, str]:
    """The archive and the security archive that apt's lists of the host name, or Debian's own."""
    archive, security = ARCHIVE, SECURITY
    for text in sources:
        for uri, suites in _entries(text):
            if SUITE in suites:
                archive = uri
            if f"{SUITE}-security" in suites:
                security = uri
    return archive, security


def _entries(text: str) -> Iterable[tuple[str, list[str]]]:
    for line in re.findall(r"^deb\s+(?:\[[^\]]*\]\s*)?(https?://\S+)\s+(\S+)", text, re.MULTILINE):
        yield line[0].rstrip("/"), [line[1]]
    for paragraph in re.split(r"\n\s*\n", text):
        fields = dict(re.findall(r"^(URIs|Suites):\s*(.+)$", paragraph, re.MULTILINE))
        if "URIs" in fields and "Suites" in fields:
            uris = [uri for uri in fields["URIs"].split() if uri.startswith("http")]
            yield from ((uri.rstrip("/"), fields["Suites"].split()) for uri in uris[:1])


def host_sources() -> list[str]:
    """The texts of the host's apt lists."""
    folder = Path("/etc/apt")
    files = [folder / "sources.list", *sorted((folder / "sources.list.d").glob("*"))]
    return [
        file.read_text(errors="replace")
        for file in files
        if file.suffix in (".list", ".sources") and file.is_file()
    ]


def sources_list(archive: str, security: str) -> str:
    """apt's list inside machines."""
    suites = ((archive, SUITE), (archive, f"{SUITE}-updates"), (security, f"{SUITE}-security"))
    return "".join(f"deb {mirror} {suite} main\n" for mirror, suite in suites)


def layer_name(archive: str, security: str, bundle: str) -> str:
    """Changes whenever the disk would come out different."""
    recipe = "\n".join(("1", *PACKAGES, CLOUD_CONFIG, sources_list(archive, security), bundle))
    return f"{SUITE}-{hashlib.sha256(recipe.encode()).hexdigest()[:12]}"


def build(folder: Path, *, log: Path, enter: Enter, progress: Progress) -> None:
    """Make the disk in `folder`, which appears only when it is whole; CommandError with the log's end.

    `enter` turns a command line into one that runs where it can be found and ended.
    """
    archive, security = mirrors(host_sources())
    partial = folder.with_name(f"{UNFINISHED}{folder.name}")
    remove_tree(partial)
    partial.mkdir(parents=True)
    try:
        with log.open("w") as stream:
            progress(f"Making the base disk, once: Debian 12 from {archive}")
            command = ["debootstrap", "--variant=minbase", "--include=ca-certificates", SUITE]
            _stream(enter([*command, str(partial), archive]), stream, progress)
            _prepare(partial, archive, security)
            progress("base disk: more packages")
            _stream(enter(_install(partial)), stream, progress)
            _trust(partial, host_bundle())
            _stream(enter([*_inside(partial), "update-ca-certificates"]), stream, progress)
        _finish(partial)
        partial.rename(folder)
    finally:
        remove_tree(partial)


def _inside(root: Path) -> list[str]:
    options = ["--quiet", "--register=no", "--keep-unit", "--resolv-conf=replace-host", "--pipe"]
    environment = {"DEBIAN_FRONTEND": "noninteractive", **host_environment()}
    variables = [f"--setenv={name}={value}" for name, value in environment.items()]
    return ["systemd-nspawn", *options, *variables, "-D", str(root)]


def _install(root: Path) -> list[str]:
    apt = "apt-get -q update && apt-get -q -y upgrade && apt-get -q -y install --no-install-recommends"
    return [*_inside(root), "/bin/sh", "-ec", f'{apt} "$@"; apt-get clean', "sh", *PACKAGES]


def _prepare(root: Path, archive: str, security: str) -> None:
    (root / "etc/apt/sources.list").write_text(sources_list(archive, security))
    (root / "etc/apt/apt.conf.d/90localcloud").write_text(
        'Acquire::Languages "none";\nAcquire::Retries "3";\n'
    )
    policy = root / "usr/sbin/policy-rc.d"
    policy.write_text("#!/bin/sh\nexit 101\n")
    policy.chmod(0o755)


def _trust(root: Path, bundle: str) -> None:
    """Add the authorities that the host has beyond Debian's own."""
    stock = certificates((root / "etc/ssl/certs/ca-certificates.crt").read_text())
    extra = [text for der, text in certificates(bundle).items() if der not in stock]
    for number, text in enumerate(extra):
        (root / f"usr/local/share/ca-certificates/localcloud-{number}.crt").write_text(text)


def trusts_more(root: Path) -> bool:
    """Whether the disk has authorities of the host's that programs with lists of their own would miss."""
    return any((root / "usr/local/share/ca-certificates").glob("localcloud-*.crt"))


def _finish(root: Path) -> None:
    (root / "usr/sbin/policy-rc.d").unlink()
    for name in ("etc/machine-id", "etc/fstab", "etc/environment"):
        (root / name).write_text("")
    (root / "etc/hostname").write_text("localhost\n")
    (root / "etc/default/locale").write_text("LANG=C.UTF-8\n")
    (root / "etc/cloud/cloud.cfg.d/99-localcloud.cfg").write_text(CLOUD_CONFIG)
    for unit in (*_UPDATE_TIMERS, "console-getty.service"):
        (root / "etc/systemd/system" / unit).symlink_to("/dev/null")
    for file in (root / "var/lib/apt/lists").glob("*_*"):
        file.unlink()


def host_environment() -> dict[str, str]:
    """The proxies and package indexes that programs of the host are told to use."""
    names = ("http_proxy", "https_proxy", "no_proxy", "pip_index_url", "uv_default_index", "uv_index_url")
    spellings = (spelled for name in names for spelled in (name, name.upper()))
    return {name: os.environ[name] for name in spellings if os.environ.get(name)}


def _stream(command: Sequence[str], log: TextIO, progress: Progress) -> None:
    """Run a long program, its words into the log, its phases to `progress`; it never outlives us."""
    child = subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        text=True, errors="replace", start_new_session=True,
    )  # fmt: skip
    last: deque[str] = deque(maxlen=15)
    phase, told = "", 0.0
    try:
        for line in child.stdout or ():
            log.write(line)
            last.append(line)
            found = _PHASE.match(line)
            if found and found[1] != phase and time.monotonic() - told > 2:
                phase, told = found[1], time.monotonic()
                progress(f"base disk: {phase.lower()}")
        if child.wait():
            raise CommandError(f"{command[0]} ended with {child.returncode}:\n{''.join(last)}")
    finally:
        if child.poll() is None:
            os.killpg(child.pid, signal.SIGKILL)
            child.wait()
        if child.stdout:
            child.stdout.close()
