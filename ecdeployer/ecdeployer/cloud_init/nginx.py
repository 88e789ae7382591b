"""The nginx site of a release."""

import hashlib

from .quoting import nginx_word

RELEASES = "/srv/ecdeployer/releases"
#: Of what reaches the site; static files are not among it. Debian rotates what lies there by the day, and
#: user_data/figures.py by its size.
ACCESS_LOG = "/var/log/nginx/ecdeployer.access.log"

#: %(name)s stands for a quoted word. The included file holds the static and media locations: their URLs are
#: known only when the machine has read the project's settings, and it is written there from checked text.
_SITE = """\
map $http_upgrade $ecdeployer_connection {
    default upgrade;
    "" "";
}

# What the site says of itself stands; nginx speaks where it is silent.
map $upstream_http_x_content_type_options $ecdeployer_nosniff {
    "" nosniff;
}

map $upstream_http_referrer_policy $ecdeployer_referrer {
    "" same-origin;
}

# Without the query, which may hold what only the visitor is to know. The fields: docs/user-data-contract.md
map $request_uri $ecdeployer_path {
    "~^(?<ecdeployer_before>[^?]*)" $ecdeployer_before;
}

log_format ecdeployer '$time_iso8601 $status $request_time $request_method "$ecdeployer_path" '
    '$body_bytes_sent $remote_addr "$http_user_agent"';

# The portal asks for a page while visitors are answered with maintenance.
map $http_x_ecdeployer_check $ecdeployer_check {
    default "";
    %(check)s in;
}

# Whether that is so, and for whom not: user_data/maintenance.py writes it.
include %(maintenance)s;

upstream ecdeployer_site {
    server %(socket)s fail_timeout=0;
}

server {
    listen 80 default_server;
    server_name _;
    server_tokens off;
    access_log %(log)s ecdeployer buffer=32k flush=1s;

    client_max_body_size 50m;
    client_body_timeout 60s;
    client_header_timeout 15s;
    send_timeout 60s;
    keepalive_timeout 65s;
    large_client_header_buffers 4 16k;

    gzip on;
    gzip_vary on;
    gzip_proxied any;
    gzip_comp_level 5;
    gzip_min_length 1024;
    gzip_types text/plain text/css text/javascript application/javascript application/json application/xml
        application/manifest+json image/svg+xml font/ttf font/otf application/wasm;

    add_header X-Content-Type-Options $ecdeployer_nosniff always;
    add_header Referrer-Policy $ecdeployer_referrer always;

    proxy_http_version 1.1;
    proxy_redirect off;
    proxy_set_header Host $http_host;
    proxy_set_header X-Real-IP $remote_addr;
    proxy_set_header X-Forwarded-For %(client)s;
    proxy_set_header X-Forwarded-Proto %(scheme)s;
    proxy_set_header X-Forwarded-Host "";
    proxy_set_header X-Ecdeployer-Check "";
    proxy_set_header Upgrade $http_upgrade;
    proxy_set_header Connection $ecdeployer_connection;
    proxy_connect_timeout 5s;
    proxy_send_timeout 60s;
    proxy_read_timeout 75s;
    proxy_buffers 16 16k;
    proxy_buffer_size 16k;

    location ~ "/\\.(?!well-known/)" {
        return 404;
    }

    include %(locations)s;
%(missing)s
    location = /.ecdeployer-maintenance {
        internal;
        root /;
        try_files %(page)s %(default_page)s =503;
        types {}
        default_type "text/html; charset=utf-8";
        access_log off;
        etag off;
        add_header Retry-After $ecdeployer_retry_after always;
        add_header X-Ecdeployer-Maintenance 1 always;
        add_header Cache-Control no-store always;
        add_header X-Content-Type-Options nosniff always;
    }

    location / {
        error_page 503 /.ecdeployer-maintenance;
        if ($ecdeployer_maintenance) {
            return 503;
        }
        proxy_pass http://ecdeployer_site;
    }
}
"""

#: Behind a balancer one machine's page may ask another machine, whose release has other files: the site says.
_MISSING = """
    error_page 404 = @ecdeployer_missing;
    location @ecdeployer_missing {
        proxy_pass http://ecdeployer_site;
    }
"""


def check_token(report_token: str) -> str:
    """What the portal shows to see the site of a release in maintenance. As long as nginx's maps take."""
    return hashlib.sha256(f"check {report_token}".encode()).hexdigest()[:32]


def render(release: str, *, check: str, balanced: bool = False) -> str:
    """``check``: of check_token. ``balanced``: behind a load balancer, whose word on the visitor's address
    and on HTTPS is taken, because nothing else reaches the machine. Raises UnsafeTextError for what nginx
    cannot be told of.
    """
    return _SITE % {
        "client": "$proxy_add_x_forwarded_for" if balanced else "$remote_addr",
        "scheme": "$http_x_forwarded_proto" if balanced else "$scheme",
        "check": nginx_word(check),
        "maintenance": nginx_word("/etc/ecdeployer/nginx/maintenance.conf"),
        "page": nginx_word(f"{RELEASES}/{release}/maintenance.html"),
        "default_page": nginx_word("/etc/ecdeployer/nginx/maintenance.html"),
        "log": nginx_word(ACCESS_LOG),
        "missing": _MISSING if balanced else "",
        "socket": nginx_word(f"unix:/run/ecdeployer/{release}.sock"),
        "locations": nginx_word(f"/etc/ecdeployer/nginx/{release}.locations"),
    }
