#!/usr/bin/env bash
# Runs every fuzz test for a duration each, one after another, and stops at the first input that breaks one. Such an input
# is kept by Go under the package's testdata/fuzz: commit it with the fix.
#   test/fuzz.sh 30s
set -euo pipefail
cd "$(dirname "$0")/.."
duration=${1:?usage: test/fuzz.sh DURATION, as in 30s or 10m}

count=0
while IFS=: read -r file name; do
  echo "== $name in $(dirname "$file")"
  "${GO:-go}" test -run '^$' -fuzz "^$name\$" -fuzztime "$duration" "./$(dirname "$file")"
  count=$((count + 1))
done < <(grep -rHoE --include='*_test.go' '^func Fuzz[A-Za-z0-9_]*' api cmd internal test | sed 's/func //' | sort)
echo "$count fuzz tests, $duration each: no input breaks them"
