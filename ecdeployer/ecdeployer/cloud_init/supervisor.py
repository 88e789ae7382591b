"""The supervisor programs of a release: the site, and what runs beside it."""

from collections.abc import Iterable

from .nginx import RELEASES
from .quoting import section_name, supervisor_words

_PROGRAM = """\
[program:%(name)s]
command=%(command)s
directory=%(directory)s
user=site
umask=022
autostart=true
autorestart=true
startsecs=2
startretries=3
stopsignal=TERM
stopwaitsecs=40
stopasgroup=false
killasgroup=true
redirect_stderr=true
stdout_logfile=/var/log/ecdeployer/%(name)s.log
stdout_logfile_maxbytes=10MB
stdout_logfile_backups=4
"""


def render(release: str) -> str:
    """Raises UnsafeTextError for a release that supervisor cannot be told of."""
    name = section_name(f"site-{release}")
    home = f"{RELEASES}/{release}"
    return _PROGRAM % {
        "name": name,
        "command": supervisor_words("/usr/bin/python3", "-I", f"{home}/python/launch.py", home, "serve"),
        "directory": supervisor_words(home),
    }


#: The signal goes to the line's own process: Celery's worker ends its tasks first, then its children.
_PROCESS = """\
[program:%(name)s]
command=%(command)s
directory=%(directory)s
user=site
umask=022
autostart=true
autorestart=true
startsecs=3
startretries=3
stopsignal=TERM
stopwaitsecs=60
stopasgroup=false
killasgroup=true
redirect_stderr=true
stdout_logfile=/var/log/ecdeployer/%(name)s.log
stdout_logfile_maxbytes=10MB
stdout_logfile_backups=4

"""


def render_processes(release: str, names: Iterable[str]) -> str:
    """Of the lines no word is here: launch.py reads them. Raises UnsafeTextError for a name that is none."""
    home = f"{RELEASES}/{section_name(release)}"
    return "".join(
        _PROCESS
        % {
            "name": section_name(f"process-{name}"),
            "command": supervisor_words(
                "/usr/bin/python3", "-I", f"{home}/python/launch.py", home, "process", name
            ),
            "directory": supervisor_words(home),
        }
        for name in names
    )
