#!/bin/sh
# Installs a wheel into an empty environment of each CPython found, without Rust on the path, and compares in each.
# Usage: sh tests/wheel_test.sh WHEEL
set -eu
wheel=$(realpath "$1")
size=$(wc -c <"$wheel")
echo "$(basename "$wheel"): $size bytes"
[ "$size" -lt 6000000 ] || { echo "the wheel is larger than 6 MB"; exit 1; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
found=0
for version in 3.11 3.12 3.13 3.14; do
    for python in "$(command -v "python$version" || true)" "${PYENV_ROOT:-$HOME/.pyenv}"/versions/"$version".*/bin/python; do
        "$python" -c "import sys; sys.exit('%d.%d' % sys.version_info[:2] != '$version')" 2>/dev/null || continue
        "$python" -m venv "$work/$version"
        (
            cd "$work"
            PATH=/usr/bin:/bin "$version/bin/python" -m pip install --quiet --disable-pip-version-check \
                --only-binary :all: "$wheel"
            "$version/bin/aio-strategies" compare --requests 10 --latency 5ms --rounds 3
            "$version/bin/python" -m aio_strategies compare --rounds 3 --latency 5ms --json | "$version/bin/python" -m json.tool >/dev/null
        )
        echo "CPython $version: passed"
        found=$((found + 1))
        break
    done
done
echo "$found passed, 0 failed"
[ "$found" -gt 0 ]
