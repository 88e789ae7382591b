# shellcheck shell=bash
# What the CodeDeploy hooks beside this file share. They run as root, from wherever CodeDeploy has unpacked the bundle.
set -euo pipefail
export LC_ALL=C.UTF-8
umask 022
# shellcheck disable=SC2034 # read by the hooks
{
    readonly unpacked=${BASH_SOURCE[0]%/scripts/hooks/machine.sh} bundle=/srv/ecdeployer/bundle tools=/opt/ecdeployer
    readonly machine=/etc/ecdeployer/portal.json kept=/var/lib/ecdeployer/portal
    readonly site_link=/etc/nginx/sites-enabled/ecdeployer.conf
}
# deploy.sh knows its deployments by a UUID.
deployment=$(python3 -Ic 'import sys, uuid; print(uuid.uuid5(uuid.NAMESPACE_OID, sys.argv[1]))' "$DEPLOYMENT_ID")
# shellcheck disable=SC2034 # read by the hooks
readonly deployment document=$kept/$deployment.json

die() { # TEXT...
    printf '%s\n' "$*" >&2
    exit 1
}

serving() { # the release that nginx asks; empty for none
    local conf
    conf=$(basename "$(readlink "$site_link" || true)")
    printf '%s' "${conf%.conf}"
}

write_down() { # FILE TEXT: whole or not at all, for the hook that is run again when this one was killed
    printf '%s\n' "$2" >"$1.new" && mv -f "$1.new" "$1"
}

write_document() { # DEPLOYMENT RELEASE TARGET [back]
    (umask 077 && PYTHONPATH=$bundle/ecdeployer/ecdeployer python3 -sPBm cloud_init.portal \
        "$bundle" "$machine" "$1" "$2" "${@:4}" >"$3.new")
    mv "$3.new" "$3"
}

mkdir -p /var/log/ecdeployer "$kept"
exec > >(tee -a /var/log/ecdeployer/portal.log) 2>&1
echo "$(date --utc +%FT%TZ) ${LIFECYCLE_EVENT:-} of $DEPLOYMENT_ID"
