#!/usr/bin/env bash
# Bring one deployment live: deploy.sh FILE, the deployment's JSON (docs/user-data-contract.md).
# First boot, Run Command, a reboot that interrupted it and the portal's own CodeDeploy hooks call this. It may be run again at any point: a
# deployment that has ended stays as it ended, one that has not begins anew, and the live release is not touched
# before the new one has answered.
set -euo pipefail
export LC_ALL=C.UTF-8
umask 022

readonly tools=/opt/ecdeployer root=/srv/ecdeployer etc=/etc/ecdeployer
readonly site_link=/etc/nginx/sites-enabled/ecdeployer.conf
readonly processes_link=/etc/supervisor/conf.d/processes.conf
readonly bundle=/etc/ssl/certs/ca-certificates.crt
readonly shared=$root/shared turn=/run/ecdeployer.turn
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
# How long what served before may take to answer its last requests, a slow upload or a WebSocket among them.
readonly drain_seconds=600 kept_releases=5
readonly page_bytes=262144
# Behind what serves, and yet a quarter of a machine that is busy all the time: it may wait for this deployment.
readonly behind=5
declare -A given=()
# shellcheck source=user_data/disk.sh
source "${BASH_SOURCE[0]%/*}/disk.sh"
# shellcheck source=user_data/switch.sh
source "${BASH_SOURCE[0]%/*}/switch.sh"

stand_back() { # once there is a site, its visitors go first
    if [[ -L $site_link ]]; then
        renice -n $behind -p $$ >/dev/null
        ionice -c 3 -p $$
    fi
}

tool() { # NAME ARGUMENT...: one of the small programs beside this script
    (cd "$tools" && exec python3 -sEm "user_data.$1" "${@:2}" 9>&-)
}

as_site() { # COMMAND...: as the release's own user, who gets nothing of ours
    env -i HOME="$shared/home" USER=site PATH="$tools/venv/bin:/usr/local/bin:/usr/bin:/bin" LANG=C.UTF-8 \
        SSL_CERT_FILE="$bundle" PIP_CERT="$bundle" REQUESTS_CA_BUNDLE="$bundle" GIT_SSL_CAINFO="$bundle" \
        GIT_TERMINAL_PROMPT=0 GIT_ALLOW_PROTOCOL=https:http GIT_CONFIG_NOSYSTEM=1 \
        UV_CACHE_DIR=/var/cache/ecdeployer/uv UV_LINK_MODE="$link_mode" UV_SYSTEM_CERTS=1 \
        UV_PYTHON_PREFERENCE=system UV_PYTHON_INSTALL_DIR="$shared/python" UV_NO_PROGRESS=1 UV_CONCURRENT_BUILDS=2 \
        PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_INPUT=1 "${proxies[@]}" "${wheels[@]}" \
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
    wheels=()
    if [[ ${given[repository]} == /* ]]; then source "$tools/user_data/bundle.sh"; fi
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
        clone)
            make_room
            if [[ ${given[repository]} == /* ]]; then take_bundle; else clone; fi
            ;;
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
    if [[ $(readlink "$processes_link") == "$etc/supervisor/$release.processes" ]]; then
        switch_processes "$(release_of "$previous")" || true # a run that was killed had come that far
    fi
    withdraw "$release"
    clear_release
    rm -rf "$etc/environment/$release.json" "$state"/{failed,reason.json,copies} "/var/log/ecdeployer/site-$release.log"*
    install -d "$etc/nginx" "$etc/supervisor" "$root/releases" "$home" "$home/python"
    install -d -g site -m 750 "$etc/environment"
    install -d -o fetch -g fetch "$home/source"
    install -d -o site -g site "$home/static" "$root/venvs/$release" "$shared"/{,data,home,log,media} /var/cache/ecdeployer/uv
    install -d -o site -g site -m 700 "$shared/backups"
    install -d -o site -g www-data -m 2750 /run/ecdeployer
    use_venv "$release"
    install -m 644 "$tools"/user_data/{launch.py,ecdeployer_*.py} "$home/python"
    rm -f /etc/nginx/sites-enabled/default
}

clear_release() { # of what a run that was killed left, its children among it
    for _ in {1..100}; do
        pkill -KILL -u site,fetch -f -- "$home/" || true
        if rm -rf "$home" "$root/venvs/$release" 2>/dev/null; then return; fi
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
    as_site timeout --kill-after=5 300 uv venv --allow-existing --python "${given[python]:-/usr/bin/python3}" \
        "$root/venvs/$release"
}

use_venv() { # RELEASE: whose environment this one uses, as the project's own process may have chosen
    if [[ ! $1 =~ ^[0-9]{6,9}$ ]]; then return 1; fi
    ln -sfn "../../venvs/$1" "$home/venv"
}

install_dependencies() {
    cd "$tools"
    as_site timeout --kill-after=10 1500 python3 -sEm user_data.install "$home" "${given[plan]}" \
        3>>"$state/changes.jsonl" 5>"$state/venv"
    use_venv "$(head -c 9 "$state/venv")"
}

launch() { # ARGUMENT...: something of the release, with its environment
    as_site python3 -I "$home/python/launch.py" "$home" "$@"
}

recovering() { # COMMAND...: again, after installing a well-known package that the code imports and does not list
    local attempt
    for attempt in 1 2 3 4 5 6; do
        if "$@" 2>&1 | tee "$state/output"; then return 0; fi
        (cd "$tools" && as_site python3 -sEm user_data.install "$home" "${given[plan]}" missing \
            3>>"$state/changes.jsonl" 4<"$state/output" 5>"$state/venv") || return 1
        if [[ -s $state/venv ]]; then use_venv "$(head -c 9 "$state/venv")"; fi
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
    keep_page
    printf '%s' "${given[programs]}" >"$etc/supervisor/$release.processes"
    recovering inspect
    tool inspection "$state" "$etc/nginx/$release.locations"
    # A run that was killed may have applied a part: the plan stays the whole one.
    [[ -e $state/plan.json ]] || mv "$state/plan.new" "$state/plan.json"
}

keep_page() { # that the project brings for its maintenance, as data: what its own user can read, and nginx serves
    local page
    for page in "$home/source/${given[project_directory]}/maintenance.html" "$home/source/maintenance.html"; do
        if [[ -L $page ]] || ! as_site test -f "$page"; then continue; fi
        if (($(as_site stat -c %s "$page") > page_bytes)); then
            echo "${page#"$home/source/"} is larger than $page_bytes bytes: the portal's own page stands in for it."
            continue
        fi
        as_site head -c $page_bytes "$page" >"$home/maintenance.html"
        return
    done
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
        tool maintenance around
        (cd "$tools" && as_site timeout 900 python3 -sEm user_data.backup "$release") | tee "$state/copies"
    fi
    # Apps that have models and no migrations get their tables too.
    recovering launch manage migrate --noinput --run-syncdb --verbosity 1
    if [[ -n ${given[release_command]} ]]; then prepare_release; fi
}

prepare_release() { # by the Procfile's line, when nothing else writes to the release
    while kill -0 "$collecting" 2>/dev/null; do sleep 0.05; done
    if [[ -e $state/failed ]]; then return 1; fi
    echo "Procfile, release: ${given[release_command]}"
    as_site timeout --kill-after=10 1800 python3 -I "$home/python/launch.py" "$home" release
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
    get_ready >"$state/ready" 2>&1 9>&- &
    readying=$!
    trap 'wait "$readying"' EXIT
    step configure configure
    local collecting migrating status=0
    step collectstatic collect_static &
    collecting=$!
    step migrate migrate &
    migrating=$!
    wait "$collecting" || status=1
    wait "$migrating" || status=1
    wait "$readying" || true
    ((status == 0)) || return 1
    step start start
    step health health
}

bring_live() {
    if [[ $previous == "$etc/nginx/$release.conf" ]]; then
        echo "Release $release serves already."
        switch_processes "$release" "$state"
    elif [[ -n ${given[rollback_to]} ]]; then
        step start
        step health
    else
        deploy
    fi
    if [[ -e $state/cancelled ]]; then return 1; fi
    [[ -e $home/kept ]] || echo "0 0" >"$home/kept"
    ln -sfn "releases/$release" "$root/current.new"
    mv -T "$root/current.new" "$root/current"
    tool schedules sync "$state/deployment.json" || true
    succeed
}

succeed() { # with a verdict; the release that serves again is named
    local words=""
    if [[ -n ${given[rollback_to]} ]]; then words="Release $release serves again."; fi
    printf '{"state": "succeeded", "step": "health", "reason": "%s", "code": ""}\n' "$words" >"$state/result.new"
    mv "$state/result.new" "$state/result.json"
}

give_up() { # leave a verdict, and what served before; settle ends what was started
    rm -rf "$keyring"
    if [[ $(readlink "$site_link") == "$etc/nginx/$release.conf" ]]; then point_nginx "$previous"; fi
    switch_processes "$(release_of "$previous")" || true
    if [[ -z ${given[rollback_to]} ]] && ran_out_of_room; then rm -rf "$home"/{source,static} "$root/venvs/$release"; fi
    tool verdict "$state" "$logs"
}

begin() { # FILE
    touch "$state/events.jsonl" "$state/changes.jsonl" "$state/old-workers"
    echo "$deployment" >"$turn"
    echo $$ >"$state/process"
    install -m 600 "$1" "$state/deployment.json"
    install -m 600 "$1" "$etc/.deployment.json"
    mv "$etc/.deployment.json" "$etc/deployment.json"
    if [[ -n ${given[report_url]} ]]; then
        systemd-run --quiet --collect --unit="ecdeployer-report-$deployment" --working-directory="$tools" \
            python3 -sEm user_data.report follow "$deployment" 9>&- &
    fi
    previous=$(readlink "$site_link" || true)
    tool maintenance told "$state/deployment.json" || true
}

main() {
    local status
    stand_back
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
        if ((status != 0)); then give_up; fi
        # Whichever deployment began it: what a person has switched on stays.
        tool maintenance off deployment || true
        settle
    elif [[ ! -e $turn ]]; then
        # The first look after a boot: one that switched off while old requests were answered left both releases.
        echo "$deployment" >"$turn"
        settle
    fi
    cat "$state/result.json"
    grep -q '"state": "succeeded"' "$state/result.json"
}

main "$@"
exit
