#!/bin/sh
# Looks whether the system parts that ffcv is built from are here; installs them through apt where that is possible,
# otherwise says in one sentence what to install, and stops. PY names the Python that the environment will be made with.
set -eu
PY=${PY:-python3}
PACKAGES="g++ pkg-config python3-dev python3-venv libturbojpeg0-dev libopencv-core-dev libopencv-imgproc-dev"

complete() {
    command -v g++ >/dev/null && command -v pkg-config >/dev/null &&
        pkg-config --exists libturbojpeg &&
        [ -e /usr/include/opencv4/opencv2/imgproc.hpp ] &&
        "$PY" -c '
import ensurepip, os, sys, sysconfig, venv
sys.exit(not os.path.exists(os.path.join(sysconfig.get_path("include"), "Python.h")))' 2>/dev/null
}

if complete; then exit 0; fi
as_root=""
if [ "$(id -u)" -ne 0 ]; then
    as_root="sudo -n"
    sudo -n true 2>/dev/null || as_root="none"
fi
if command -v apt-get >/dev/null && [ "$as_root" != none ]; then
    echo "installing system packages: $PACKAGES"
    $as_root env DEBIAN_FRONTEND=noninteractive apt-get update -qq
    # shellcheck disable=SC2086
    $as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $PACKAGES >/dev/null
fi
complete && exit 0
echo "make: this machine lacks packages that ffcv is built from and they could not be installed here: ask for" \
    "'apt-get install $PACKAGES' (or their like), then run the same command again." >&2
exit 1
