# shellcheck shell=bash
# What the scripts beside this file share: the Debian packages and the virtual environment that each needs.
set -euo pipefail
ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$ROOT"
PATH=$PATH:/usr/sbin:/sbin
PYTHON=/usr/bin/python3

say() { # TEXT...
    printf '%s\n' "$*" >&2
}

die() { # TEXT...
    say "$@"
    exit 1
}

# The way out of a host behind a proxy, which sudo would not hand on.
carried=()
for name in {http,https,no}_proxy {HTTP,HTTPS,NO}_PROXY SSL_CERT_FILE PIP_CERT; do
    [[ -z ${!name-} ]] || carried+=("$name=${!name}")
done
# uv then trusts what the host trusts, as pip does.
export UV_SYSTEM_CERTS=1

as_root() { # COMMAND...
    if ((EUID == 0)); then
        "$@"
    else
        sudo -- env "${carried[@]}" "$@"
    fi
}

# Commands that Debian's packages bring, as COMMAND=PACKAGE.
# shellcheck disable=SC2034 # read by the scripts
{
    NEEDED_BY_PYTHON=(venv=python3-venv git=git ssh=openssh-client /etc/ssl/certs/ca-certificates.crt=ca-certificates)
    NEEDED_BY_MACHINES=(systemd-nspawn=systemd-container debootstrap=debootstrap nft=nftables ip=iproute2
        xz=xz-utils nsenter=util-linux unshare=util-linux mount=mount setpriv=util-linux)
    NEEDED_BY_LOAD=(wrk=wrk)
    NEEDED_BY_REDIS=(redis-server=redis-server)
    NEEDED_BY_POSTGRESQL=('/usr/lib/postgresql/*/bin/initdb=postgresql')
    NEEDED_BY_EVALUATOR=(node=nodejs npm=npm)
    NEEDED_BY_BROWSER=(chromium=chromium)
    NEEDED_BY_CHECKS=(shellcheck=shellcheck shfmt=shfmt)
    # Read by tests only. Installed, Debian would start them and have them start at every boot.
    UNPACKED_FOR_READERS=(nginx supervisor python3-pkg-resources)
    UNPACKED_FOR_SSH=(openssh-server libwrap0)
}

have() { # COMMAND: a name, a path with wildcards, or "venv" for Python's module
    case $1 in
    venv) "$PYTHON" -c 'import ensurepip, venv' 2>/dev/null ;;
    /*) compgen -G "$1" >/dev/null ;;
    *) command -v "$1" >/dev/null ;;
    esac
}

missing_packages() { # COMMAND=PACKAGE...
    local pair
    for pair; do
        have "${pair%%=*}" || printf '%s\n' "${pair#*=}"
    done | sort -u
}

install_packages() { # COMMAND=PACKAGE...: installs what is missing, upgrades nothing
    local missing
    mapfile -t missing < <(missing_packages "$@")
    if ((${#missing[@]} == 0)); then
        return
    fi
    have apt-get || die "Not installed: ${missing[*]} (Debian's names). Install them, then start again."
    say "Installing Debian packages: ${missing[*]}"
    as_root apt-get -q update
    as_root env DEBIAN_FRONTEND=noninteractive \
        apt-get -qy --no-upgrade --no-install-recommends install ca-certificates "${missing[@]}"
}

unpack_packages() ( # FOLDER PACKAGE...: their files under FOLDER, with nothing installed, started or enabled
    folder=$1 && shift
    [[ ! -e $folder ]] || return 0
    say "Unpacking Debian packages: $*"
    fresh=$(mktemp -d) && trap 'as_root rm -rf "$fresh"' EXIT
    cd "$fresh"
    as_root apt-get -q update
    as_root apt-get -q -o APT::Sandbox::User=root download "$@"
    for archive in *.deb; do as_root dpkg-deb --extract "$archive" files; done
    as_root mkdir -p "$(dirname "$folder")"
    as_root mv files "$folder"
)

install_lock() ( # LOCK [FOLDER]: into .venv or another, unless that very lock is what was installed there last
    lock=$1 folder=${2:-.venv}
    exec 9<scripts/uv.txt
    flock 9
    sum=$(sha256sum "$lock" scripts/uv.txt)
    if [[ -x $folder/bin/python && -f $folder/installed && $(<"$folder/installed") == "$sum" ]]; then
        return
    fi
    say "Installing $lock into $folder"
    [[ -x $folder/bin/python ]] || "$PYTHON" -m venv --clear "$folder"
    "$folder/bin/python" -m pip install --quiet --disable-pip-version-check --require-hashes --requirement scripts/uv.txt
    "$folder/bin/uv" pip install --python "$folder/bin/python" --require-hashes --requirement "$lock"
    printf '%s\n' "$sum" >"$folder/installed"
)

install_node_lock() ( # FOLDER: what its package-lock.json names, into its node_modules; nothing of it runs
    cd "$1"
    stamp=node_modules/installed
    exec 9<package-lock.json
    flock 9
    sum=$(sha256sum package-lock.json)
    if [[ -f $stamp && $(<"$stamp") == "$sum" ]]; then
        return
    fi
    say "Installing $1/package-lock.json"
    npm ci --ignore-scripts --no-audit --no-fund >&2
    printf '%s\n' "$sum" >"$stamp"
)

leave_account() { # nothing of the caller's AWS account stays in reach, nor of the role that a build has
    unset "${!AWS_@}"
}

# Settings of the portal under test.
# shellcheck disable=SC2034 # read by the scripts
TEST_SETTINGS=(
    SECRET_KEY=for-tests-only-0123456789012345678901234567890123456789
    PORTAL_URL=http://127.0.0.1:8000 DATABASE_URL=sqlite:///:memory: REDIS_URL=redis://127.0.0.1:1/0
    AWS_ACCESS_KEY_ID=test AWS_SECRET_ACCESS_KEY=test AWS_REGION=eu-west-1 AWS_EC2_METADATA_DISABLED=true
    AWS_CONFIG_FILE=/dev/null AWS_SHARED_CREDENTIALS_FILE=/dev/null PYTHONDONTWRITEBYTECODE=1
)
