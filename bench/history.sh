#!/bin/sh
# history.sh [COMMIT COMMIT...]: measure commits (default HEAD~1 and HEAD), each built in a virtualenv of its own, and publish the pages.
# The benches are those of this tree for every commit. TRACK_SIZE and TRACK_ROUNDS make it shorter; ASV_ARGUMENTS goes to `asv run`.
set -eu
cd "$(dirname "$0")/.."
[ $# -gt 0 ] || set -- HEAD~1 HEAD
asv() { "${PYTHON:-.venv/bin/python}" -m asv "$@"; }
commits=$PWD/build/asv/commits
mkdir -p build/asv
for commit in "$@"; do git rev-parse --verify "$commit^{commit}"; done >"$commits"
export BENCH_FOLDER="${BENCH_FOLDER:-$PWD/build/bench}"
asv machine --yes --config bench/asv.conf.json >/dev/null
# shellcheck disable=SC2086
asv run --config bench/asv.conf.json --show-stderr ${ASV_ARGUMENTS:-} "HASHFILE:$commits"
asv publish --config bench/asv.conf.json
echo "The pages are in build/asv/html; to see them: python -m http.server --directory build/asv/html"
