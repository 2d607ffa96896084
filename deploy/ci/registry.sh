#!/usr/bin/env bash
# A schema registry for a pipeline: fetches Apicurio Registry from Maven Central once, starts it on
# loopback, prints `url=` and `pid=`, and leaves it running. To end it: kill PID.
# usage: deploy/ci/registry.sh [PORT]    PYTHON: one that has minuet[dev]; else .venv/bin/python
set -euo pipefail
cd "$(dirname "$0")/../.."
python=${PYTHON:-.venv/bin/python}
said=$(mktemp)
setsid "$python" -m minuet.dev.apicurio ${1:+"$1"} >"$said" 2>"$said.err" </dev/null &
pid=$!
until [ -s "$said" ]; do
  if ! kill -0 "$pid" 2>/dev/null; then
    cat "$said.err" >&2
    exit 1
  fi
  sleep 0.2
done
echo "url=$(cat "$said")"
echo "pid=$pid"
rm -f "$said" "$said.err"
