#!/usr/bin/env bash
# One hub of the example: node.sh DIR N start | stop | kill | restart
#   stop lets requests under way finish; kill does not; restart hands the sockets over to a new process (docs/cluster.md)
set -euo pipefail
DIR=$(cd "$1" && pwd); N=$2
. "$(dirname "$0")/lib.sh"
. "$DIR/settings"

case $3 in
  start)
    running "node$N" && { echo "node $N runs"; exit 0; }
    start "node$N" "$DIR/bin/cairn" serve --data "$DIR/node$N" --listen "127.0.0.1:$(port "node$N")" --ssh-listen "127.0.0.1:$(port "ssh$N")"
    ;;
  stop) end "node$N" TERM ;;
  kill) end "node$N" KILL ;;
  restart)
    old=$(cat "$DIR/run/node$N.pid")
    kill -USR2 "$old"
    for _ in $(seq 600); do
      read -r new < "$DIR/node$N/cairn.lock" || new='' # its first line: it may be being written
      [ -z "$new" ] || [ "$new" = "$old" ] || { echo "$new" > "$DIR/run/node$N.pid"; exit 0; }
      sleep 0.1
    done
    echo "node $N was not replaced; see $DIR/log/node$N.log" >&2
    exit 1
    ;;
  *) echo "usage: node.sh DIR N start|stop|kill|restart" >&2; exit 2 ;;
esac
