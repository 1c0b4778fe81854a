#!/bin/sh
# Does a wheel work without a checkout, snakemake and ffcv? sh tools/wheel.sh python3.11 python3.12 python3.13
# Builds it, and for each Python makes an empty environment, installs the wheel with what it depends on, and runs the four commands.
set -eu
ROOT=$(cd "$(dirname "$0")/.." && pwd)
PLACE=$(mktemp -d)
trap 'rm -rf "$PLACE"' EXIT
UV="$ROOT/.venv/bin/python -m uv"
$UV build -q --wheel --out-dir "$PLACE" "$ROOT"
cd "$PLACE"
for python in "$@"; do
    $UV venv -q --clear --python "$python" empty
    $UV pip install -q --system-certs --python empty/bin/python ./*.whl
    empty/bin/python -c 'import importlib.util as u; assert not (u.find_spec("snakemake") or u.find_spec("ffcv"))'
    command=empty/bin/rethinking-backdoors
    $command train --config digits --experiment 1 --models 0:160 --out exp1 >log
    $command fit --margins exp1/alpha50/margins --estimator ridge --out W.npy
    $command detect W.npy --restarts 5 --out scores.csv --figure scores.png
    printf '1\n2\n3\n' >suspects.txt
    $command strength W.npy --support suspects.txt >>log
    [ "$(wc -l <scores.csv)" = 1501 ] && [ -s scores.png ]
    echo "$(empty/bin/python --version): train, fit, detect, strength work"
    rm -rf empty exp1 W.* scores.* log
done
