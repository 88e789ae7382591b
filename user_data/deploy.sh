#!/usr/bin/env bash
# Bring one deployment live: deploy.sh FILE, the deployment's JSON (docs/user-data-contract.md).
# First boot, Run Command and a reboot that interrupted it call this. It may be run again at any point: a
# deployment that has ended stays as it ended, one that has not begins anew, and the live release is not touched
# before the new one has answered.
set -euo pipefail
export LC_ALL=C.UTF-8
umask 022

readonly tools=/opt/ecdeployer root=/srv/ecdeployer etc=/etc/ecdeployer
readonly site_link=/etc/nginx/sites-enabled/ecdeployer.conf
readonly bundle=/etc/ssl/certs/ca-certificates.crt
readonly shared=$root/shared
readonly keyring=/run/ecdeployer-fetch # in memory; holds the deploy key while git fetches
# What the portal's git/ssh.py says too.
ssh_command="ssh -F /dev/null -i $keyring/key -o UserKnownHostsFile=$keyring/known_hosts"
for option in BatchMode=yes IdentitiesOnly=yes IdentityAgent=none PreferredAuthentications=publickey \
    StrictHostKeyChecking=yes GlobalKnownHostsFile=/dev/null UpdateHostKeys=no VerifyHostKeyDNS=no ForwardAgent=no \
    ForwardX11=no ClearAllForwardings=yes PermitLocalCommand=no ConnectTimeout=10 ServerAliveInterval=5 \
    ServerAliveCountMax=4 LogLevel=ERROR; do
    ssh_command+=" -o $option"
done
readonly ssh_command
declare -A given=()

tool() { # NAME ARGUMENT...: one of the small programs beside this script
    (cd "$tools" && exec python3 -sEm "user_data.$1" "${@:2}" 9>&-)
}

as_site() { # COMMAND...: as the release's own user, who gets nothing of ours
    env -i HOME="$shared/home" USER=site PATH="$tools/venv/bin:/usr/local/bin:/usr/bin:/bin" LANG=C.UTF-8 \
        SSL_CERT_FILE="$bundle" PIP_CERT="$bundle" REQUESTS_CA_BUNDLE="$bundle" GIT_SSL_CAINFO="$bundle" \
        GIT_TERMINAL_PROMPT=0 GIT_ALLOW_PROTOCOL=https:http GIT_CONFIG_NOSYSTEM=1 \
        UV_CACHE_DIR=/var/cache/ecdeployer/uv UV_LINK_MODE="$link_mode" UV_SYSTEM_CERTS=1 \
        UV_PYTHON_PREFERENCE=system UV_PYTHON_INSTALL_DIR="$shared/python" UV_NO_PROGRESS=1 UV_CONCURRENT_BUILDS=2 \
        PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_INPUT=1 "${proxies[@]}" \
        setpriv --reuid=site --regid=site --init-groups --no-new-privs -- "$@" </dev/null 9>&-
}

read_deployment() {
    local name value
    while IFS= read -r -d '' name && IFS= read -r -d '' value; do
        given[$name]=$value
    done < <(python3 -I "$tools/user_data/fields.py" "$1")
    deployment=${given[deployment]} release=${given[release]}
    home=$root/releases/$release
    state=/var/lib/ecdeployer/deployments/$deployment
    logs=/var/log/ecdeployer/$deployment
    # A link to a file of an overlay's lower layer copies it first, which takes longer than all the rest.
    if [[ $(stat -f -c %T /var/cache) == overlayfs ]]; then link_mode=symlink; else link_mode=hardlink; fi
    proxies=()
    for name in http_proxy https_proxy no_proxy; do
        if [[ -n ${!name-} ]]; then proxies+=("$name=${!name}"); fi
    done
}

event() { # STEP STATE
    local -a lines
    (
        flock 8
        mapfile -t lines <"$state/events.jsonl"
        printf '{"number": %d, "step": "%s", "state": "%s", "at": %s, "message": ""}\n' \
            $((${#lines[@]} + 1)) "$1" "$2" "$EPOCHREALTIME" >&8
    ) 8>>"$state/events.jsonl"
}

step() { # NAME: with its own log. Status 3 means that there was nothing to do.
    local status
    if [[ -e $state/cancelled ]]; then return 1; fi
    event "$1" running
    set +e
    (
        set -e
        case $1 in
        clone) clone ;;
        venv) make_venv ;;
        install) install_dependencies ;;
        configure) configure ;;
        collectstatic) collect_static ;;
        migrate) migrate ;;
        start) start ;;
        health) health ;;
        esac
    ) >>"$logs/$1.log" 2>&1
    status=$?
    set -e
    case $status in
    0) event "$1" succeeded ;;
    3) event "$1" skipped ;;
    *)
        echo "$1" >>"$state/failed"
        event "$1" failed
        return 1
        ;;
    esac
}

prepare_machine() {
    id -u site >/dev/null 2>&1 ||
        useradd --system --user-group --home-dir "$shared/home" --shell /usr/sbin/nologin site
    id -u fetch >/dev/null 2>&1 ||
        useradd --system --user-group --home-dir /nonexistent --shell /usr/sbin/nologin fetch
    rm -rf "$keyring"
    withdraw "$release"
    clear_release
    rm -rf "$etc/environment/$release.json" "$state/failed" "$state/reason.json" "$state/copies"
    install -d "$etc/nginx" "$root/releases" "$home" "$home/python"
    install -d -g site -m 750 "$etc/environment"
    install -d -o fetch -g fetch "$home/source"
    install -d -o site -g site "$home"/{venv,static} "$shared"/{,data,home,log,media} /var/cache/ecdeployer/uv
    install -d -o site -g site -m 700 "$shared/backups"
    install -d -o site -g www-data -m 2750 /run/ecdeployer
    install -m 644 "$tools"/user_data/{launch.py,ecdeployer_*.py} "$home/python"
    rm -f /etc/nginx/sites-enabled/default
}

clear_release() { # of what a run that was killed left, its children among it
    for _ in {1..100}; do
        pkill -KILL -u site,fetch -f -- "$home/" || true
        if rm -rf "$home" 2>/dev/null; then return; fi
        sleep 0.1
    done
    return 1
}

start_services() {
    if [[ " ${given[services]} " == *" redis "* ]]; then systemctl enable --quiet --now redis-server; fi
    if [[ " ${given[services]} " == *" postgresql "* ]]; then
        systemctl enable --quiet --now postgresql
        until runuser -u postgres -- psql -qtc 'select 1' >/dev/null; do sleep 0.2; done
        runuser -u postgres -- createuser site || true
        runuser -u postgres -- createdb --owner=site site || true
    fi
    if [[ ${given[database]} == mysql ]]; then
        systemctl enable --quiet --now mariadb
        mariadb -e "create database if not exists site character set utf8mb4;
            create user if not exists site@localhost identified via unix_socket; grant all on site.* to site@localhost"
    fi
}

git_as() { # USER ARGUMENT...: git with no configuration but ours. Only what the address says is spoken.
    env -i HOME=/nonexistent PATH=/usr/bin:/bin LC_ALL=C.UTF-8 GIT_SSL_CAINFO="$bundle" GIT_TERMINAL_PROMPT=0 \
        GIT_CONFIG_NOSYSTEM=1 GIT_CONFIG_GLOBAL=/dev/null GIT_ALLOW_PROTOCOL="${given[repository]%%://*}" \
        GIT_SSH_VARIANT=ssh GIT_SSH_COMMAND="$ssh_command" "${proxies[@]}" \
        setpriv --reuid="$1" --regid="$1" --init-groups --no-new-privs -- \
        timeout --kill-after=5 300 git -C "$home/source" -c core.hooksPath=/dev/null -c http.followRedirects=false \
        -c http.lowSpeedLimit=1000 -c http.lowSpeedTime=30 "${@:2}" </dev/null 9>&-
}

hold_key() { # for the user that fetches, and until the step ends
    trap 'rm -rf "$keyring"' EXIT
    install -d -g fetch -m 750 "$keyring"
    install -o fetch -g fetch -m 600 /dev/null "$keyring/key"
    printf '%s' "${given[known_hosts]}" >"$keyring/known_hosts"
    (cd "$tools" && exec "$tools/venv/bin/python3" -sEm user_data.deploy_key "$state/deployment.json" \
        "$state/reason.json" 9>&-) >"$keyring/key"
}

# The fetching user is another than the site's, whose older release runs beside it and could read what its own user can.
clone() {
    if [[ ${given[repository]} == ssh://* ]]; then hold_key; fi
    git_as fetch init --quiet
    git_as fetch fetch --quiet --depth 1 --no-tags --no-recurse-submodules -- "${given[repository]}" "${given[commit]}" ||
        git_as fetch fetch --quiet --no-tags --no-recurse-submodules -- "${given[repository]}" "refs/heads/${given[branch]}"
    rm -rf "$keyring"
    chown -R site:site "$home/source"
    git_as site -c advice.detachedHead=false checkout --quiet --detach "${given[commit]}"
    git_as site log -1 --format='commit %H%n%an, %ad%n%s'
}

make_venv() {
    if [[ -n ${given[python]} ]]; then echo "The project asks for Python ${given[python]}"; fi
    as_site timeout --kill-after=5 300 uv venv --allow-existing --python "${given[python]:-/usr/bin/python3}" "$home/venv"
}

install_dependencies() {
    cd "$tools"
    as_site timeout --kill-after=10 1500 python3 -sEm user_data.install "$home" "${given[plan]}" 3>>"$state/changes.jsonl"
}

launch() { # ARGUMENT...: something of the release, with its environment
    as_site python3 -I "$home/python/launch.py" "$home" "$@"
}

recovering() { # COMMAND...: again, after installing a well-known package that the code imports and does not list
    local attempt
    for attempt in 1 2 3 4 5 6; do
        if "$@" 2>&1 | tee "$state/output"; then return 0; fi
        (cd "$tools" && as_site python3 -sEm user_data.install "$home" "${given[plan]}" missing \
            3>>"$state/changes.jsonl" 4<"$state/output") || return 1
        echo "Trying again ($attempt)"
    done
    return 1
}

inspect() {
    # shellcheck disable=SC2317 # called by name
    launch inspect 3>"$state/inspection.json" 4>"$state/plan.new"
}

configure() {
    local environment=$etc/environment/$release.json
    until [[ -e $environment ]]; do
        kill -0 "$environment_job" 2>/dev/null || [[ -e $environment ]] || {
            cat "$state/environment.log"
            return 1
        }
        sleep 0.05
    done
    while [[ -e /proc/$services_job ]]; do sleep 0.05; done
    cat "$state/services.log"
    printf '%s' "${given[nginx]}" >"$etc/nginx/$release.conf"
    recovering inspect
    tool inspection "$state" "$etc/nginx/$release.locations"
    # A run that was killed may have applied a part: the plan stays the whole one.
    [[ -e $state/plan.json ]] || mv "$state/plan.new" "$state/plan.json"
}

collect_static() {
    local log=$state/collectstatic.log
    if grep -q '"staticfiles": false' "$state/inspection.json"; then
        echo "django.contrib.staticfiles is not among INSTALLED_APPS"
        return 3
    fi
    launch manage collectstatic --noinput --verbosity 1 2>&1 | tee "$log" && return 0
    grep -qE 'Manifest|could not be found with <|MissingFileError' "$log" || return 1
    echo "Trying again with file names that carry no hash"
    tool inspection plain-static "$etc/environment/$release.json" "$state"
    launch manage collectstatic --noinput --clear --verbosity 1
}

migrate() {
    local pending
    pending=$(tool plan settle "$state")
    if ((pending > 0)); then
        (cd "$tools" && as_site timeout 900 python3 -sEm user_data.backup "$release") | tee "$state/copies"
    fi
    # Apps that have models and no migrations get their tables too.
    recovering launch manage migrate --noinput --run-syncdb --verbosity 1
}

start() {
    local conf=/etc/supervisor/conf.d/site-$release.conf
    printf '%s' "${given[supervisor]}" >"$conf"
    systemctl start supervisor
    supervisorctl update "site-$release"
    tool check started "$state" "$release"
}

health() {
    tool check live "$state" "$release" "unix:/run/ecdeployer/$release.sock" "${given[health_path]}"
    point_nginx "$etc/nginx/$release.conf"
    tool check live "$state" "$release" tcp:127.0.0.1:80 "${given[health_path]}"
}

workers() { # of nginx, as a list of process ids
    pgrep -P "$(cat /run/nginx.pid 2>/dev/null || echo 0)" || true
}

point_nginx() { # FILE: serve what it says; empty: serve nothing
    local old fresh=/etc/nginx/ecdeployer.new
    old=$(readlink "$site_link" || true)
    if [[ -n $1 ]]; then
        ln -sfn "$1" "$fresh"
        mv -T "$fresh" "$site_link"
    else
        rm -f "$site_link"
    fi
    if ! nginx -qt; then
        if [[ -n $old ]]; then ln -sfn "$old" "$site_link"; else rm -f "$site_link"; fi
        return 1
    fi
    workers >"$state/old-workers"
    systemctl reload-or-restart nginx
    for _ in {1..500}; do
        if workers | grep -qvxFf "$state/old-workers"; then return; fi
        sleep 0.02
    done
}

withdraw() { # RELEASE: end its processes
    if [[ -e /etc/supervisor/conf.d/site-$1.conf ]]; then
        rm -f "/etc/supervisor/conf.d/site-$1.conf"
        supervisorctl update >/dev/null || true
    fi
}

retire() { # what served before, once nginx's old workers have answered all that they had accepted
    local pid conf number
    local -a releases
    while read -r pid; do
        timeout 60 tail --pid="$pid" -f /dev/null || true
    done <"$state/old-workers"
    for conf in /etc/supervisor/conf.d/site-*.conf; do
        if [[ $conf != */site-$release.conf ]]; then rm -f "$conf"; fi
    done
    supervisorctl update >/dev/null
    releases=("$root"/releases/*)
    for ((number = ${#releases[@]} - 6; number >= 0; number--)); do
        if [[ ${releases[number]} != "$home" ]]; then forget "${releases[number]##*/}"; fi
    done
}

forget() { # RELEASE
    rm -rf "$root/releases/$1" "$etc/nginx/$1".* "$etc/environment/$1.json" "/var/log/ecdeployer/site-$1.log"*
}

deploy() {
    prepare_machine
    python3=$tools/venv/bin/python3
    (cd "$tools" && exec "$python3" -sEm user_data.environment "$state/deployment.json" \
        "$etc/environment/$release.json" "$state/reason.json" >"$state/environment.log" 2>&1 9>&-) &
    environment_job=$!
    start_services >"$state/services.log" 2>&1 9>&- &
    services_job=$!
    step clone clone
    step venv make_venv
    step install install_dependencies
    step configure configure
    local collecting migrating status=0
    step collectstatic collect_static &
    collecting=$!
    step migrate migrate &
    migrating=$!
    wait "$collecting" || status=1
    wait "$migrating" || status=1
    ((status == 0)) || return 1
    step start start
    step health health
}

bring_live() {
    if [[ $previous != "$etc/nginx/$release.conf" ]]; then deploy; fi
    if [[ -e $state/cancelled ]]; then return 1; fi
    ln -sfn "releases/$release" "$root/current.new"
    mv -T "$root/current.new" "$root/current"
    tool verdict succeeded "$state" "$logs" "$release"
}

give_up() { # leave a verdict and nothing of the release but its files; what served before goes on serving
    rm -rf "$keyring"
    if [[ $(readlink "$site_link") == "$etc/nginx/$release.conf" ]]; then point_nginx "$previous"; fi
    withdraw "$release"
    tool verdict failed "$state" "$logs" "$release"
}

begin() { # FILE
    touch "$state/events.jsonl" "$state/changes.jsonl" "$state/old-workers"
    echo $$ >"$state/process"
    install -m 600 "$1" "$state/deployment.json"
    install -m 600 "$1" "$etc/.deployment.json"
    mv "$etc/.deployment.json" "$etc/deployment.json"
    systemd-run --quiet --collect --unit="ecdeployer-report-$deployment" --working-directory="$tools" \
        python3 -sEm user_data.report follow "$deployment" || true
    previous=$(readlink "$site_link" || true)
}

main() {
    local status
    read_deployment "$1"
    mkdir -p "$state" "$logs"
    chmod 700 "$state" "$logs"
    exec 9>/run/ecdeployer.lock
    flock 9
    if [[ ! -e $state/result.json ]]; then
        begin "$1"
        set +e
        (
            set -e
            bring_live
        )
        status=$?
        set -e
        # A signal is a shutdown or a kill, unless report.py sent it: no verdict, so that the next run goes on.
        if ((status > 128)) && [[ ! -e $state/cancelled ]]; then exit "$status"; fi
        if ((status == 0)); then retire; else give_up; fi
    fi
    cat "$state/result.json"
    grep -q '"state": "succeeded"' "$state/result.json"
}

main "$@"
exit
