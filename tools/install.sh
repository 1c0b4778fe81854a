#!/bin/sh
# Makes .venv, the environment of `make reproduce`: one line a step; a step that fails says why and what to do. PY names the Python.
set -eu
PY=${PY:-python3}
ROOT=$(cd "$(dirname "$0")/.." && pwd)
cd "$ROOT"
LOG=$(mktemp)
trap 'rm -f "$LOG"' EXIT

# What the system trusts, so that a proxy with a certificate of its own is trusted too. uv has a switch for it, pip is told where.
SYSTEM=/etc/ssl/certs/ca-certificates.crt
if [ -z "${PIP_CERT:-}" ] && [ -e "${SSL_CERT_FILE:-$SYSTEM}" ]; then
    export PIP_CERT="${SSL_CERT_FILE:-$SYSTEM}"
fi
# ffcv is built from source against two modules of OpenCV only.
export PKG_CONFIG_PATH="$ROOT/tools/ffcv-build"
export CPLUS_INCLUDE_PATH="$ROOT/tools/ffcv-build/include:/usr/include/opencv4"

fail() {
    echo "make: $1" >&2
    exit 1
}

# The cause of a failure by what the tool has written.
cause() {
    if grep -qiE 'no space left|disk quota' "$LOG"; then
        echo "the disk is full: .venv takes 6 GB in $ROOT, and downloads are unpacked in ${TMPDIR:-/tmp} and ~/.cache"
    elif grep -qiE 'certificate|UnknownIssuer|SSL' "$LOG"; then
        echo "a server's certificate is not trusted: where a proxy has its own, set SSL_CERT_FILE to a file that holds it"
    elif grep -qiE 'resolve|dns error|network|connect|timed out|timeout|unreachable|proxy' "$LOG"; then
        echo "the package index cannot be reached: look at the network; behind a proxy set HTTPS_PROXY"
    elif grep -qiE 'requires.python|no matching distribution|no solution' "$LOG"; then
        echo "a package is not to be had for this Python ($("$PY" --version 2>&1)): use 3.11, make PY=python3.11 ..."
    elif grep -qiE 'ffcv' "$LOG"; then
        echo "ffcv could not be built: it needs what tools/system.sh names; or set loader: tensor and install without it"
    else
        echo "see the lines above"
    fi
}

# A step: what it does, then its command, silent unless it fails.
step() {
    echo "$1"
    shift
    "$@" >"$LOG" 2>&1 && return 0
    tail -n 15 "$LOG" >&2
    fail "this step failed: $(cause). Then run the same command again."
}

"$PY" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null ||
    fail "Python 3.11 to 3.13 is needed, '$PY' is $("$PY" --version 2>&1 || echo 'not there'): make PY=/path/to/python3.11 ..."
free=$(df -Pk . | awk 'NR == 2 {print $4}')
[ -d .venv ] || [ "$free" -ge 6500000 ] || fail "the disk is too full: .venv takes 6 GB, $((free / 1000000)) GB are free in $ROOT."

echo "[1/4] System packages that ffcv is built from: look, and install what is missing (60 MB)"
PY="$PY" sh tools/system.sh
step "[2/4] A virtual environment in .venv" sh -c '"$0" -m venv --clear .venv &&
    .venv/bin/python -m pip install -q --disable-pip-version-check uv==0.13.8' "$PY"
step "[3/4] Python packages: 2.6 GB to download, 5 GB on disk, 1 to 5 minutes (seconds where they are in uv's cache)" sh -c '
    .venv/bin/python -m uv pip install --system-certs --compile-bytecode --python .venv/bin/python \
        --no-deps -r requirements.lock &&
    .venv/bin/python -m uv pip install --system-certs --python .venv/bin/python --no-deps -e .'
step "[4/4] A first import of everything, and numba's kernels compiled once: half a minute" sh -c '
    .venv/bin/python -c "import ffcv, torch, torchvision" && .venv/bin/python tools/compile.py'
