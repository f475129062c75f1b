#!/usr/bin/env bash
# Fills benchmarks/gpu/wheels with what a machine with PyTorch, transformers, accelerate, pandas, pyarrow and
# scikit-learn, but without a network, lacks for the whole job: at most 60 MB, for Python 3.12 on x86-64 Linux.
#
#     bash benchmarks/gpu/wheels.sh [PYTHON_VERSION]
set -euo pipefail
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
version="${1:-3.12}"
packages=(optuna alembic mako colorlog sqlalchemy greenlet math-verify latex2sympy2-extended antlr4-python3-runtime==4.13.2)
platforms=()
for glibc in 2_28 2_27 2_24 2_17; do platforms+=(--platform "manylinux_${glibc}_x86_64"); done
rm -rf "$here/wheels"
python3 -m pip download --quiet --no-deps --only-binary=:all: --python-version "$version" --implementation cp \
    "${platforms[@]}" --platform manylinux2014_x86_64 --constraint "$here/../../constraints.txt" --dest "$here/wheels" "${packages[@]}"
size="$(du -sm "$here/wheels" | cut -f1)"
echo "$here/wheels: $(ls "$here/wheels" | wc -l) wheels, $size MB"
test "$size" -le 60
