#!/usr/bin/env bash
# Stops what up.sh started, and keeps the data: down.sh [DIR]
set -uo pipefail
DIR=$(cd "${1:-three-nodes}" && pwd) || exit 1
. "$(dirname "$0")/lib.sh"
failed=0
end nginx QUIT || failed=1
for n in 1 2 3; do end "node$n" TERM & done
wait
end s3 TERM || failed=1
if [ -s "$DIR/postgres/data/postmaster.pid" ]; then
  pid=$(head -1 "$DIR/postgres/data/postmaster.pid")
  kill -INT "$pid" 2>/dev/null
  for _ in $(seq 300); do [ -e "$DIR/postgres/data/postmaster.pid" ] || break; sleep 0.1; done
  [ ! -e "$DIR/postgres/data/postmaster.pid" ] || failed=1
fi
exit $failed
