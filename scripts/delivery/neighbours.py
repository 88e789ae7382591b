"""One machine that stands in for RDS, ElastiCache and the balancer: PostgreSQL, Redis with TLS, and nginx.

Of an ALB nginx does: spread requests, take a machine out and let its requests end, tell of the visitor by
X-Forwarded-For and -Proto. Not: health checks (a machine that is gone is asked until it is blocked), TLS.
"""

import shlex
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from scripts.delivery.cloud import Cloud

_BOOT = """\
#!/bin/bash
set -eu
address=$(hostname -I | cut -d' ' -f1)
openssl req -x509 -newkey rsa:2048 -nodes -days 3650 -subj /CN=neighbours \\
    -addext "subjectAltName=IP:$address" -keyout /etc/redis/key.pem -out /etc/redis/cert.pem
chown redis: /etc/redis/key.pem /etc/redis/cert.pem
cat >/etc/redis/redis.conf <<'CONF'
bind 0.0.0.0
port 0
tls-port 6379
tls-cert-file /etc/redis/cert.pem
tls-key-file /etc/redis/key.pem
tls-auth-clients no
requirepass {password}
save ""
dir /var/lib/redis
supervised systemd
CONF
cat >/etc/postgresql/15/main/conf.d/neighbours.conf <<'CONF'
listen_addresses = '*'
CONF
echo 'host all all 0.0.0.0/0 scram-sha-256' >>/etc/postgresql/15/main/pg_hba.conf
systemctl enable --now redis-server postgresql
until runuser -u postgres -- psql -qtc 'select 1'; do sleep 0.2; done
runuser -u postgres -- psql -qc "create role portal login password '{password}'"
runuser -u postgres -- createdb --owner=portal portal
# A balancer of AWS's waits for slow machines with any number of connections.
sed -i 's/worker_connections .*/worker_connections 4096;/' /etc/nginx/nginx.conf
touch /var/lib/neighbours-ready
"""
_CONF = """\
log_format balancer '$time_iso8601 $status $upstream_addr $request_time $request';
upstream portal {{
{servers}
}}
server {{
    listen 80;
    client_max_body_size 50m;
    access_log /var/log/nginx/balancer.log balancer;
    location / {{
        proxy_pass http://portal;
        proxy_next_upstream off;
        proxy_http_version 1.1;
        proxy_connect_timeout 5s;
        proxy_read_timeout 60s;
        proxy_set_header Connection "";
        proxy_set_header Host $http_host;
        proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
        proxy_set_header X-Forwarded-Proto $scheme;
    }}
}}
"""


@dataclass
class Neighbours:
    """``password``: of PostgreSQL and Redis, on the local cloud's own network."""

    cloud: Cloud
    ec2_id: str
    password: str
    address: str = ""
    certificate: str = ""
    targets: dict[str, str] = field(default_factory=dict)
    blocked: set[str] = field(default_factory=set)

    def wait(self) -> None:
        """Until it serves; only then is the certificate known that machines have to trust."""
        self.address = self.cloud.address(self.ec2_id)
        self.cloud.run(self.ec2_id, "until [ -e /var/lib/neighbours-ready ]; do sleep 0.2; done", seconds=180)
        self.certificate = self.cloud.run(self.ec2_id, "cat /etc/redis/cert.pem")

    @property
    def url(self) -> str:
        return f"http://{self.address}"

    @property
    def database_url(self) -> str:
        return f"postgresql://portal:{self.password}@{self.address}:5432/portal"

    @property
    def redis_url(self) -> str:
        return f"rediss://:{self.password}@{self.address}:6379/0?ssl_cert_reqs=required"

    def register(self, ec2_id: str) -> None:
        """A machine that gets no request before it is allowed."""
        self.targets[ec2_id] = self.cloud.address(ec2_id)
        self.block(ec2_id)

    def deregister(self, ec2_id: str) -> None:
        self.targets.pop(ec2_id)
        self.blocked.discard(ec2_id)
        self._write()

    def block(self, ec2_id: str) -> None:
        """No new request; the present ones end first, as within the deregistration delay."""
        self.blocked.add(ec2_id)
        self._write()

    def allow(self, ec2_id: str) -> None:
        self.blocked.discard(ec2_id)
        self._write()

    def _write(self) -> None:
        servers = "\n".join(
            f"    server {address}:80 max_fails=0{' down' if ec2_id in self.blocked else ''};"
            for ec2_id, address in self.targets.items()
        )
        text = shlex.quote(_CONF.format(servers=servers))
        # Old workers of nginx end when they have answered.
        script = f"""
            printf %s {text} >/etc/nginx/sites-enabled/balancer.conf
            nginx -qt
            old=$(pgrep -P "$(cat /run/nginx.pid 2>/dev/null || echo 0)" || true)
            systemctl reload-or-restart nginx
            for _ in $(seq 300); do
                alive=0
                for each in $old; do if [ -e "/proc/$each" ]; then alive=1; fi; done
                if [ $alive = 0 ]; then break; fi
                sleep 0.1
            done
        """
        self.cloud.run(self.ec2_id, f"set -eu\n{script}")


def launch(cloud: Cloud, image: str, *, password: str) -> Neighbours:
    script = _BOOT.replace("{password}", password)
    ec2_id = cloud.launch(image, user_data=script, name="neighbours", profile="portal")
    return Neighbours(cloud, ec2_id, password)


def wait_for(holds: Callable[[], bool], *, seconds: float, what: str) -> None:
    """Raises TimeoutError."""
    deadline = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what}: not within {seconds:.0f} s")
        time.sleep(0.2)
