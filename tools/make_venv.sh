#!/bin/sh
# Makes the project's virtual environment and installs picolink and picosim into it, editable.
# usage: tools/make_venv.sh VENV EXTRAS      (EXTRAS as in pyproject.toml: dev,sim)
# Safe to run again: an environment that is there is brought up to date.
set -eu
venv=$1
extras=$2

say() { printf '  setup: %s\n' "$*"; }

find_python() {
    # A name on PATH may be a shim for a version that is not there, so each is run.
    for name in ${PICOLINK_PYTHON:-} python3.13 python3.12 python3.11 python3 python; do
        if "$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; then
            echo "$name"
            return 0
        fi
    done
    return 1
}

# ensurepip is what Debian and Ubuntu leave out; `import venv` alone succeeds there.
has_venv() { "$1" -c 'import venv, ensurepip' >/dev/null 2>&1; }

# Debian packages, where this may be done without asking; their services are not started.
install_debian() {
    command -v apt-get >/dev/null 2>&1 || return 1
    if [ "$(id -u)" = 0 ]; then as_root=""; elif sudo -n true 2>/dev/null; then as_root="sudo -n"; else return 1; fi
    say "installing $* with apt-get"
    policy=/usr/sbin/policy-rc.d
    if [ -e "$policy" ]; then policy=""; else printf '#!/bin/sh\nexit 101\n' | $as_root tee "$policy" >/dev/null && $as_root chmod +x "$policy"; fi
    $as_root apt-get update -qq >/dev/null || true
    done=0
    $as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >/dev/null || done=1
    if [ -n "$policy" ]; then $as_root rm -f "$policy"; fi
    return $done
}

install_python3_venv() {
    package=$("$1" -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])')
    say "$1 has no venv module; Debian's package $package brings it"
    install_debian "$package" && return 0
    echo "Can't make a virtual environment: $1 lacks the venv module. Install it, then run make again:" >&2
    echo "    sudo apt install $package" >&2
    return 1
}

# pip needs a writable home for its cache; without one (a bare container) it gets a corner of ours.
if [ -z "${HOME:-}" ] || [ ! -w "${HOME:-/nonexistent}" ]; then
    PIP_CACHE_DIR="$(pwd)/build/pip-cache"
    export PIP_CACHE_DIR
fi
export PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore PIP_NO_INPUT=1

if ! "$venv/bin/python" -m pip --version >/dev/null 2>&1; then
    if ! python=$(find_python); then
        echo "picolink needs Python 3.11 or later and found none on PATH. Install it (Debian 12, Ubuntu 24.04" >&2
        echo "or later: sudo apt install python3 python3-venv), or say where it is: make test PICOLINK_PYTHON=/path/to/python3" >&2
        exit 1
    fi
    has_venv "$python" || install_python3_venv "$python"
    say "making $venv with $("$python" --version)"
    rm -rf "$venv"
    "$python" -m venv "$venv"
fi

say "installing picolink[$extras] and what it needs (a minute the first time)"
"$venv/bin/python" -m pip install --quiet --editable src/picosim --editable ".[$extras]"

# The tests of MQTT want a broker of the common kind; without it they use nats-server alone.
PATH="$PATH:/usr/sbin:/usr/local/sbin"
if ! command -v mosquitto >/dev/null 2>&1 || ! command -v mosquitto_pub >/dev/null 2>&1; then
    install_debian mosquitto mosquitto-clients ||
        say "mosquitto is missing, and its tests are skipped: sudo apt install mosquitto mosquitto-clients"
fi
say "done"
