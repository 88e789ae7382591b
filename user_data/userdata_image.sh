#!/usr/bin/env bash
# Make a golden image of this machine: the system, the tools, a warm cache; nothing of any project or portal version.
# Says how far it is, and how it ended, on the console: "ecdeployer image: ...".
set -euo pipefail
export LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive HOME=/root

readonly verdict=/var/lib/ecdeployer/image-verdict.json
readonly cache=/var/cache/ecdeployer/uv
readonly parameters=/etc/ecdeployer/image.json
readonly figures=/etc/ecdeployer/cloudwatch_agent.json
mkdir -p /var/log/ecdeployer /var/lib/ecdeployer
exec >>/var/log/ecdeployer/image.log 2>&1
step="start"

say() { # TEXT: to the log and the console
    echo "ecdeployer image: $1" | tee /dev/console
}

begin() { # STEP
    step=$1
    say "$step"
}

end() { # STATUS
    local state=succeeded reason=""
    if (($1 != 0)); then
        state=failed
        reason=$(grep -E '^(E:|error|ERROR|fatal|curl:|dpkg:)' /var/log/ecdeployer/image.log | tail -n 1 | tr -d '"\\[:cntrl:]' | cut -c1-300)
        tail -n 20 /var/log/ecdeployer/image.log >/dev/console
    fi
    printf '{"state": "%s", "step": "%s", "reason": "%s"}\n' "$state" "$step" "$reason" >"$verdict"
    if (($1 == 0)); then say "succeeded"; else say "failed at $step${reason:+: $reason}"; fi
}

parameter() { # NAME
    python3 -Ic 'import json, sys; print(json.load(open(sys.argv[1]))[sys.argv[2]])' "$parameters" "$1"
}

install_packages() {
    printf 'path-exclude=/usr/share/%s\n' 'doc/*' 'man/*' 'locale/*' 'info/*' 'lintian/*' >/etc/dpkg/dpkg.cfg.d/ecdeployer
    printf 'force-unsafe-io\n' >>/etc/dpkg/dpkg.cfg.d/ecdeployer
    apt-get -q update
    apt-get -qy upgrade
    apt-get -qy install --no-install-recommends \
        nginx-light supervisor git openssh-client ca-certificates curl xz-utils procps psmisc \
        python3-venv python3-dev python3-pip python3-setuptools gcc g++ make pkg-config gettext \
        libpq-dev default-libmysqlclient-dev libjpeg-dev zlib1g-dev libfreetype-dev libwebp-dev libtiff-dev \
        libffi-dev libxml2-dev libxslt1-dev libssl-dev libmagic1 libcairo2 libpango-1.0-0 libpangocairo-1.0-0 \
        postgresql mariadb-server redis-server ssl-cert logrotate
}

configure_services() {
    rm -f /etc/nginx/sites-enabled/default
    # A request that waits takes two connections: Debian's 768 for a worker are used up within five seconds in
    # which a site with 75 requests a second does not answer, and whoever comes then is refused.
    sed -i -e 's/worker_connections .*/worker_connections 4096;/' -e '1i worker_rlimit_nofile 8192;' /etc/nginx/nginx.conf
    systemctl disable --now postgresql mariadb redis-server
    echo "ssl = off" >/etc/postgresql/15/main/conf.d/ecdeployer.conf
    rm -f /etc/ssl/private/ssl-cert-snakeoil.key /etc/ssl/certs/ssl-cert-snakeoil.pem
    systemctl enable nginx supervisor
}

make_tools() {
    python3 -m venv --without-pip /opt/ecdeployer/venv
    python3 -m pip --python /opt/ecdeployer/venv/bin/python install --no-cache-dir --quiet boto3 uv
    # The path of the machine's own certificates: right on EC2, and behind a proxy with an authority of its own.
    mkdir -p /etc/uv
    echo 'system-certs = true' >/etc/uv/uv.toml
}

warm_cache() {
    useradd --system --user-group --home-dir /srv/ecdeployer/shared/home --shell /usr/sbin/nologin site
    install -d -o site -g site "$cache"
    local package scratch=/var/tmp/warm uv=/opt/ecdeployer/venv/bin/uv
    install -d -o site -g site "$scratch"
    as_site() { setpriv --reuid=site --regid=site --init-groups -- env HOME="$scratch" UV_CACHE_DIR="$cache" "$@"; }
    as_site "$uv" venv --quiet "$scratch/venv"
    while read -r package; do
        if [[ -n $package ]]; then
            as_site "$uv" pip install --quiet --python "$scratch/venv/bin/python" --only-binary :all: "$package" ||
                echo "not in the cache: $package"
        fi
    done </etc/ecdeployer/warm_packages.txt
    rm -rf "$scratch"
    # Every release links these files, the compiled ones too: Django then starts without compiling itself.
    # A wheel's own scripts are left alone: uv takes no wheel that holds a directory among them.
    as_site python3 -m compileall -q -j 0 -x '\.data/' "$cache/archive-v0" || true
}

install_agents() {
    if [[ $(parameter agents) == skip ]]; then
        say "AWS's agents are skipped"
        return
    fi
    local region architecture ssm=/var/tmp/amazon-ssm-agent.deb codedeploy=/var/tmp/codedeploy-install
    region=$(parameter region)
    architecture=$(dpkg --print-architecture)
    curl -fsSL --retry 5 -o "$ssm" \
        "https://s3.$region.amazonaws.com/amazon-ssm-$region/latest/debian_$architecture/amazon-ssm-agent.deb"
    apt-get -qy install "$ssm"
    systemctl enable amazon-ssm-agent
    apt-get -qy install --no-install-recommends ruby
    curl -fsSL --retry 5 -o "$codedeploy" "https://aws-codedeploy-$region.s3.$region.amazonaws.com/latest/install"
    chmod +x "$codedeploy"
    "$codedeploy" auto
    systemctl enable codedeploy-agent
    install_cloudwatch_agent "$region" "$architecture"
}

# It starts on machines that are told what to collect: here for all of this image, or by a machine's own user data.
# It reads its configuration again at each start, so that a machine of this image tells its own id.
install_cloudwatch_agent() { # REGION ARCHITECTURE
    local package=/var/tmp/amazon-cloudwatch-agent.deb
    curl -fsSL --retry 5 -o "$package" \
        "https://amazoncloudwatch-agent-$1.s3.$1.amazonaws.com/debian/$2/latest/amazon-cloudwatch-agent.deb"
    apt-get -qy install "$package"
    systemctl disable amazon-cloudwatch-agent
    if [[ -e $figures ]]; then
        /opt/aws/amazon-cloudwatch-agent/bin/amazon-cloudwatch-agent-ctl -a fetch-config -m ec2 -c "file:$figures"
        systemctl enable amazon-cloudwatch-agent
    fi
}

clean_up() {
    apt-get -qy autoremove --purge
    apt-get -q clean
    rm -rf /var/lib/apt/lists/* /var/tmp/* /tmp/* /root/.cache /root/.ssh /home/*/.ssh
    rm -rf /usr/share/doc/* /usr/share/man/* /usr/share/info/* /etc/ecdeployer/warm_packages.txt "$parameters" "$figures"
    rm -f /etc/ssh/ssh_host_* /etc/dpkg/dpkg.cfg.d/ecdeployer /var/lib/amazon/ssm/registration
    find /var/log -type f ! -path '/var/log/ecdeployer/*' -exec truncate --size 0 {} +
    cloud-init clean --logs
    rm -rf /var/lib/cloud/seed
    truncate --size 0 /etc/machine-id
    rm -f /var/lib/dbus/machine-id
    sync
}

main() {
    begin "installing the system's packages"
    install_packages
    begin "configuring the services"
    configure_services
    begin "installing uv and boto3"
    make_tools
    begin "warming the cache"
    warm_cache
    begin "installing the agents"
    install_agents
    begin "cleaning up"
    clean_up
}

trap 'end $?' EXIT
main
