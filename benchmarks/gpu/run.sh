#!/usr/bin/env bash
# Everything that is measured on a machine with a GPU, in one command of under nine minutes:
#
#     bash benchmarks/gpu/run.sh [--out FOLDER] [--gsm8k FILE] [--scale tiny] [--only check-4B,ladder] [--minutes 9]
#
# PYTHON names the interpreter (python3). Packages that it lacks are taken from benchmarks/gpu/wheels, which
# benchmarks/gpu/wheels.sh fills on a machine with a network. Nothing is downloaded here.
set -euo pipefail
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
root="$(cd "$here/../.." && pwd)"
python="${PYTHON:-python3}"
paths="$root:$root/benchmarks"
if compgen -G "$here/wheels/*.whl" >/dev/null; then
    site="$(mktemp -d)"
    trap 'rm -rf "$site"' EXIT
    "$python" -m pip install --quiet --no-index --no-deps --no-compile --target "$site" "$here"/wheels/*.whl
    paths="$paths:$site"
    export GPU_WHEELS_UNPACKED="$site" # whole_run.py removes it
fi
export PYTHONPATH="$paths${PYTHONPATH:+:$PYTHONPATH}" PYTHONUNBUFFERED=1 HF_HUB_OFFLINE=1
exec "$python" "$here/whole_run.py" "$@"
