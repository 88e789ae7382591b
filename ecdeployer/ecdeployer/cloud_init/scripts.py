"""The constant files of ``user_data/``: read here, sent to machines as they are."""

import base64
import bz2
import functools
import io
import tarfile
from pathlib import Path

SOURCE = Path(__file__).resolve().parents[3] / "user_data"

#: What brings a release live. Together they are larger than user data may be, so a new machine fetches them
#: from the deploy document, which carries them anyway.
DEPLOYING = (
    "deploy.sh",
    "disk.sh",
    "switch.sh",
    "backup.py",
    "check.py",
    "deploy_key.py",
    "ecdeployer_entry.py",
    "ecdeployer_flags.py",
    "ecdeployer_gunicorn.py",
    "ecdeployer_limits.py",
    "ecdeployer_manage.py",
    "ecdeployer_migrations.py",
    "ecdeployer_plan.py",
    "ecdeployer_process.py",
    "ecdeployer_settings.py",
    "ecdeployer_static.py",
    "ecdeployer_warmup.py",
    "environment.py",
    "fields.py",
    "hashed_files.py",
    "inspection.py",
    "install.py",
    "launch.py",
    "maintenance.py",
    "plan.py",
    "processes.py",
    "program.py",
    "report.py",
    "requirement_lines.py",
    "reuse.py",
    "schedules.py",
    "verdict.py",
)
#: What answers all else that is asked of a machine, and what that imports. A document holds 64 KiB: each
#: carries what it runs, in a place of its own, so that what it brings meets no other version's scripts.
ASKED = (
    "act.py",
    "check.py",
    "launch.py",
    "logs.py",
    "maintenance.py",
    "moving.py",
    "plan.py",
    "processes.py",
    "program.py",
    "report.py",
    "schedules.py",
    "seal.py",
    "site_data.py",
    "standing.py",
)
#: Python finds them as the package ``user_data`` when it is started here.
DEPLOYING_DIRECTORY = "/opt/ecdeployer"
ASKED_DIRECTORY = "/opt/ecdeployer/asked"


def read(name: str) -> str:
    """The text of one constant file."""
    return (SOURCE / name).read_text(encoding="ascii")


@functools.cache
def archive(names: tuple[str, ...] = DEPLOYING) -> str:
    """These scripts as base64 of a tar.bz2: xz takes a twentieth more, gzip a sixth.

    The same bytes each time, so that a document is updated only when a script has changed.
    """
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for name in names:
            content = read(name).encode()
            member = tarfile.TarInfo(name)
            member.size = len(content)
            member.mode = 0o755 if name.endswith(".sh") else 0o644
            tar.addfile(member, io.BytesIO(content))
    return base64.b64encode(bz2.compress(buffer.getvalue())).decode()
