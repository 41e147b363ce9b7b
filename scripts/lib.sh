# Shared by the scripts beside this file; sourced, not run.
# shellcheck shell=bash disable=SC2034

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
TOOLS=$ROOT/.bin # development tools, built from tools/go.mod
OUT=$ROOT/.test  # what a run leaves behind to look at
cd "$ROOT" || exit

# modules prints the folders of all Go modules but tools and fixtures.
modules() {
	find . \( -name .git -o -name .bin -o -name bin -o -name node_modules -o -name testdata -o -path ./tools \) -prune \
		-o -name go.mod -print | sed 's#/go\.mod$##' | sort
}

# step says what comes next, and how many seconds have gone by.
step() { printf '\n== %s  (%d s)\n' "$*" "$SECONDS"; }

fail() {
	printf '%s: %s\n' "${0##*/}" "$*" >&2
	exit 1
}
