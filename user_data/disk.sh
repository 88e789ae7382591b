# shellcheck shell=bash disable=SC2154
# The disk: what a release needs, what can go, and what is said when it is full. Sourced by deploy.sh.

# Beside twice what the live release takes: a larger requirement, logs, the database's growth. MiB and files.
readonly spare_room=300 spare_files=20000

free_room() { # MiB that the project's user may fill
    local -a found
    read -ra found < <(stat -f -c '%a %S' "$root/releases")
    echo $((found[0] * found[1] / 1048576))
}

free_files() { # a file system without a number of its own for files has always enough
    local -a found
    read -ra found < <(stat -f -c '%d %c' "$root/releases")
    echo $((found[1] ? found[0] : 1 << 40))
}

measure() { # the release, for those that come after it: MiB and files. The file says too that it has been live.
    local room files
    room=$(du -csm "$home" "$home/venv/" | tail -n 1 | cut -f1)
    files=$(du -cs --inodes "$home" "$home/venv/" | tail -n 1 | cut -f1)
    echo "$room $files" >"$home/kept"
}

is_short() {
    (($(free_room) < needed_room || $(free_files) < needed_files))
}

make_room() { # before anything is written; the old site goes on where there is none
    local live number
    local -a taken=(0 0)
    live=$(release_of "$previous")
    if [[ -n $live && -e $root/releases/$live/kept ]]; then read -ra taken <"$root/releases/$live/kept"; fi
    needed_room=$((2 * taken[0] + spare_room)) needed_files=$((2 * taken[1] + spare_files))
    if ! is_short; then return; fi
    echo "The disk is nearly full: $(free_room) MiB and $(free_files) files are free."
    # Releases that link to the cache by name need it.
    if [[ $link_mode == hardlink ]]; then as_site uv cache clean; fi
    for number in 4 3 2 1 0; do
        if is_short; then prune "$live" "$number"; fi
    done
    if is_short; then
        disk_full "A deployment needs $needed_room MiB and $needed_files files."
        return 1
    fi
}

disk_full() { # SENTENCE: what is needed
    printf '{"code": "disk-full", "reason": "The disk is full: %s MiB and %s files are free. %s"}\n' \
        "$(free_room)" "$(free_files)" "$1" | tee "$state/reason.json"
}

ran_out_of_room() { # in the step that failed, though there had seemed to be enough
    [[ ! -e $state/reason.json ]] &&
        tail -qn 30 "$logs/$(tail -n 1 "$state/failed").log" | grep -qE 'No space left on device|os error 28|disk is full' &&
        disk_full "It was used up during the deployment." >/dev/null
}

prune() { # LIVE NUMBER: releases that have never been live, and all but the newest of those that have. LIVE stays, and
    # what served before it: the portal returns to that when it does not find LIVE.
    local path name before
    before=$(release_of "${previous-}")
    local -i at kept=0
    local -a releases=("$root"/releases/*)
    for ((at = ${#releases[@]} - 1; at >= 0; at--)); do
        path=${releases[at]} name=${releases[at]##*/}
        if [[ -e $path/kept ]] && ((kept < $2)); then
            kept+=1
        elif [[ $name != "$1" && $name != "$before" && ($path != "$home" || -e $path/kept) ]]; then
            forget "$name"
        fi
    done
    forget_venvs
    forget_records
}

forget() { # RELEASE
    rm -rf "${root:?}/releases/$1" "$etc/nginx/$1".* "$etc/supervisor/$1".* "$etc/environment/$1.json" \
        "/run/ecdeployer/$1.sock" "/var/log/ecdeployer/site-$1.log"*
}

forget_venvs() { # that no release uses
    local path used
    used=$(readlink -f "$root"/releases/*/venv || true)
    for path in "$root"/venvs/*; do
        if ! grep -qxF "$path" <<<"$used"; then rm -rf "$path"; fi
    done
}

forget_records() { # of deployments: the last fifty stay
    local -a states
    local path
    mapfile -t states < <(ls -1dt /var/lib/ecdeployer/deployments/*/)
    for path in "${states[@]:50}"; do
        path=${path%/}
        rm -rf "$path" "/var/log/ecdeployer/${path##*/}"
    done
}
