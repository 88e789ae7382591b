# shellcheck shell=bash disable=SC2034,SC2154
# The portal's own releases come as a bundle that CodeDeploy has put on the disk, with every wheel and the collected
# static files: what was tested is what runs, and no registry is asked. Sourced by deploy.sh, on such machines alone.

wheels=(UV_NO_INDEX=1 "UV_FIND_LINKS=${given[repository]}/wheels")

take_bundle() {
    tar --create --directory="${given[repository]}" --exclude=./wheels --exclude=./static . |
        tar --extract --directory="$home/source" --no-same-owner
    mkdir "$home/source/.git"
    chown -R site:site "$home/source"
    echo "commit ${given[commit]}"
}

collect_static() {
    cp --recursive --no-target-directory "${given[repository]}/static" "$home/static"
    chown -R site:site "$home/static"
}
