# shellcheck shell=bash disable=SC2154
# From one release to another: start one beside what serves, point nginx at it, end the other when it has answered.
# Sourced by deploy.sh.

release_of() { # CONFIGURATION of nginx: its release; empty for none
    local name=${1##*/}
    echo "${name%.conf}"
}

get_ready() { # gunicorn loads Django while the project is configured; its workers wait for the mark to go
    while kill -0 "$environment_job"; do sleep 0.02; done
    : >"/run/ecdeployer-$release.waiting"
    printf '%s' "${given[supervisor]}" >"$etc/supervisor/$release.conf"
    add_program
    tool program start "$release"
}

add_program() {
    # While something serves, the new processes start behind it: launch.py looks for this.
    if [[ -n $previous ]]; then : >"/run/ecdeployer-$release.starting"; fi
    ln -sfn "$etc/supervisor/$release.conf" "/etc/supervisor/conf.d/site-$release.conf"
    systemctl start supervisor
}

start() {
    if [[ -n ${given[rollback_to]} && ! -e $home/kept ]]; then
        printf '{"code": "release-gone", "reason": "Release %s is not on the machine any more."}\n' "$release" |
            tee "$state/reason.json"
        return 1
    fi
    if [[ -n ${given[rollback_to]} ]]; then
        add_program
    elif [[ $etc/environment/$release.json -nt $state/ready || $state/venv -nt $state/ready ]]; then
        # It needed another setting for its static files, or a package more.
        withdraw "$release"
        add_program
    fi
    rm -f "/run/ecdeployer-$release.waiting"
    tool check started "$state" "$release" ${given[rollback_to]:+kept}
}

health() {
    tool check live "$state" "$release" "unix:/run/ecdeployer/$release.sock" "${given[health_path]}"
    keep_hashed_files || true
    point_nginx "$etc/nginx/$release.conf"
    tool check live "$state" "$release" tcp:127.0.0.1:80 "${given[health_path]}"
    switch_processes "$release" "$state"
}

keep_hashed_files() { # of what serves until now
    local leaving
    leaving=$(release_of "$previous")
    # What it has by now it collected itself; whatever is newer was given.
    [[ -e $home/collected ]] || : >"$home/collected"
    if [[ -z $leaving || $leaving == "$release" ]]; then return; fi
    (cd "$tools" && as_site timeout 60 python3 -sEm user_data.hashed_files "$root/releases/$leaving" "$home")
}

switch_processes() { # RELEASE [STATE]: what runs beside the site is of this release; empty for nothing
    local file=$etc/supervisor/$1.processes
    if [[ -n $1 && -s $file ]]; then
        ln -sfn "$file" /etc/supervisor/processes.new
        mv -T /etc/supervisor/processes.new "$processes_link"
    elif [[ -L $processes_link ]]; then
        rm -f "$processes_link"
    else
        return 0
    fi
    tool processes switch ${2:+"$2"}
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
    local conf=/etc/supervisor/conf.d/site-$1.conf
    if [[ -e $conf || -L $conf ]]; then
        rm -f "$conf"
        tool program end-removed || true
    fi
    # Not before it has ended: workers that wait for the mark to go would load the project.
    rm -f "/run/ecdeployer-$1".{starting,waiting}
}

is_draining() { # whether nginx has workers that answer what they had accepted for a release that serves no more
    workers | grep -qxFf "$state/old-workers" ||
        pgrep -P "$(cat /run/nginx.pid 2>/dev/null || echo 0)" -f 'is shutting down' >/dev/null
}

is_last() { # whether no later deployment has begun
    [[ $(cat "$turn") == "$deployment" ]]
}

settle() { # what served before ends when nginx's old workers have answered; a later deployment does not wait for that
    local -i until=$((SECONDS + drain_seconds))
    flock -u 9
    while is_last && is_draining && ((SECONDS < until)); do
        if ((SECONDS < until - drain_seconds + 5)); then sleep 0.1; else sleep 1; fi
    done
    if ! is_last; then return; fi
    flock 9
    if is_last; then tidy; fi
}

tidy() { # leave the live release's processes, and of releases those that can serve again
    local conf live
    live=$(release_of "$(readlink "$site_link" || true)")
    for conf in /etc/supervisor/conf.d/site-*.conf; do
        if [[ $conf != */site-$live.conf ]]; then rm -f "$conf"; fi
    done
    tool program end-removed || true
    rm -f /run/ecdeployer-*.{starting,waiting}
    if [[ $live == "$release" ]]; then measure; fi
    prune "$live" "$kept_releases"
}
