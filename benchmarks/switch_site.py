"""One machine that serves: by the deployments of ours, or by a gunicorn that somebody started by hand."""

import contextlib
import time
from collections.abc import Iterator
from typing import Any

from tests.e2e import machine_projects as projects
from tests.e2e.conftest import Machines
from tests.e2e.machine_bench import Bench, Report

NAME = "switching"
FILES = projects.plain(DEBUG="False", ALLOWED_HOSTS='["*"]')
#: Beside nginx as ours is, with the same project and packages; the database is the project's own file.
_PLAIN = r"""
set -e
home=$(readlink -f /srv/ecdeployer/current)
release=${home##*/}
cd "$home/source/mysite"
runuser -u site -- "$home/venv/bin/python" manage.py migrate --noinput >/dev/null
cat >/etc/supervisor/conf.d/plain.conf <<CONF
[program:plain]
command=$home/venv/bin/gunicorn ARGUMENTS --bind unix:/run/ecdeployer/plain.sock mysite.wsgi
directory=$home/source/mysite
user=site
stopwaitsecs=40
CONF
supervisorctl update >/dev/null
until [ -S /run/ecdeployer/plain.sock ]; do sleep 0.1; done
sleep 2
ours=/etc/ecdeployer/nginx/$release.conf
sed "s|/run/ecdeployer/$release.sock|/run/ecdeployer/plain.sock|" "$ours" >/etc/nginx/plain.conf
ln -sfn /etc/nginx/plain.conf /etc/nginx/sites-enabled/ecdeployer.conf
systemctl reload nginx
sleep 1
"""
_OURS = r"""
set -e
home=$(readlink -f /srv/ecdeployer/current)
ln -sfn "/etc/ecdeployer/nginx/${home##*/}.conf" /etc/nginx/sites-enabled/ecdeployer.conf
systemctl reload nginx
sleep 1
rm /etc/supervisor/conf.d/plain.conf
supervisorctl update >/dev/null
"""
_RESTART = r"""
before=$(date +%s.%N)
supervisorctl restart plain >/dev/null
until curl -sf -o /dev/null --unix-socket /run/ecdeployer/plain.sock http://localhost/; do sleep 0.02; done
echo "$(date +%s.%N) - $before" | python3 -c 'print(eval(input()))'
"""
_HUP = r"""
before=$(date +%s.%N)
master=$(supervisorctl pid plain)
old=$(pgrep -P "$master")
kill -HUP "$master"
for pid in $old; do while [ -e "/proc/$pid" ]; do sleep 0.02; done; done
echo "$(date +%s.%N) - $before" | python3 -c 'print(eval(input()))'
"""


class Site:
    """The machine, and what can be done to it; each deed gives its seconds."""

    def __init__(self, bench: Bench, machines: Machines) -> None:
        self.bench, self.machines = bench, machines
        self.number = 1
        self.instance, report = machines.first(NAME, FILES)
        self._insist(report)

    @property
    def address(self) -> str:
        return self.bench.address(self.instance)

    @staticmethod
    def _insist(report: Report) -> None:
        if not report.result or report.result["state"] != "succeeded":
            raise RuntimeError(f"a deployment failed: {report.result}")

    def nothing(self) -> float:
        return 0.0

    def deploy(self) -> float:
        """A commit that changes code alone: from its first step on the machine to the last."""
        self.number += 1
        return self._change(projects.release(FILES, str(self.number)), number=self.number)

    def roll_back(self) -> float:
        """To the release before."""
        return self._change(FILES, number=self.number - 1, rollback_to=f"{self.number - 1:06d}")

    def _change(self, files: projects.Files, **given: Any) -> float:
        report = self.machines.again(NAME, files, self.instance, **given)
        self._insist(report)
        return float(report.events[-1]["at"] - report.events[0]["at"])

    @contextlib.contextmanager
    def plain(self, arguments: str) -> Iterator[None]:
        """A gunicorn started by hand with these arguments serves meanwhile."""
        self.bench.shell(self.instance, _PLAIN.replace("ARGUMENTS", arguments))
        try:
            yield
        finally:
            self.bench.shell(self.instance, _OURS)
            time.sleep(1)

    def restart(self) -> float:
        return float(self.bench.shell(self.instance, _RESTART))

    def hup(self) -> float:
        return float(self.bench.shell(self.instance, _HUP))
