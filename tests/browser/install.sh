#!/bin/sh
# What the browser tests need beside Python packages: Chromium with a font, and axe-core.
set -eu
cd "$(dirname "$0")"

give_up() {
    echo "the tests of the report need $1" >&2
    exit 1
}

install_chromium() {
    command -v apt-get >/dev/null || give_up "Chromium: name it with EVALRUNNER_CHROMIUM=/path/to/it"
    [ "$(id -u)" = 0 ] || give_up "Chromium: sudo apt-get install chromium fonts-dejavu-core
  or name one with EVALRUNNER_CHROMIUM=/path/to/it"
    set -- env DEBIAN_FRONTEND=noninteractive apt-get install --yes --quiet=2 \
        --no-install-recommends chromium fonts-dejavu-core
    # On a new machine there is no list of packages yet, or an old one.
    "$@" >/dev/null 2>&1 || { apt-get update --quiet=2 && "$@" >/dev/null; }
}

[ -n "${EVALRUNNER_CHROMIUM:-}" ] || command -v chromium >/dev/null || install_chromium

installed=node_modules/.package-lock.json
if [ ! -e "$installed" ] || [ package-lock.json -nt "$installed" ]; then
    command -v npm >/dev/null || give_up "axe-core, which npm installs: https://nodejs.org"
    npm ci --ignore-scripts --no-audit --no-fund --loglevel=error
    touch "$installed"
fi
