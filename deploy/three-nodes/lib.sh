# What the scripts of this folder share: where things are, and starting and stopping one process by its pid file.
# Sourced, not run. DIR is set.
BASE_PORT=${BASE_PORT:-28100}
port() { # port NAME: the port of a part
  case $1 in
    balancer) echo "$BASE_PORT" ;; ssh) echo $((BASE_PORT + 1)) ;;
    node?) echo $((BASE_PORT + 10 + ${1#node})) ;; ssh?) echo $((BASE_PORT + 20 + ${1#ssh})) ;;
    s3) echo $((BASE_PORT + 30)) ;; postgres) echo $((BASE_PORT + 31)) ;;
  esac
}

running() { [ -s "$DIR/run/$1.pid" ] && kill -0 "$(cat "$DIR/run/$1.pid")" 2>/dev/null; }

# start NAME COMMAND...: runs it in the background, in a session of its own, its output in log/NAME.log.
start() {
  local name=$1; shift
  # The shell writes its own number and becomes the command: there is no process in between.
  setsid sh -c 'echo $$ > "$1"; shift; exec "$@"' sh "$DIR/run/$name.pid" "$@" >>"$DIR/log/$name.log" 2>&1 </dev/null &
}

# end NAME SIGNAL: sends it and waits until the process is gone, at most 40 seconds.
end() {
  running "$1" || { rm -f "$DIR/run/$1.pid"; return 0; }
  local pid; pid=$(cat "$DIR/run/$1.pid")
  kill "-$2" "$pid" 2>/dev/null || true
  for _ in $(seq 400); do
    kill -0 "$pid" 2>/dev/null || { rm -f "$DIR/run/$1.pid"; return 0; }
    case $(ps -o stat= -p "$pid" 2>/dev/null) in Z* | '') rm -f "$DIR/run/$1.pid"; return 0 ;; esac
    sleep 0.1
  done
  echo "$1 (process $pid) does not end" >&2
  return 1
}

# await NAME URL: until it answers with 200, or its process is gone.
await() {
  for _ in $(seq 600); do
    curl -fs -o /dev/null --max-time 5 "$2" && return 0
    sleep 0.1
    running "$1" || break
  done
  echo "$1 does not answer at $2; the end of $DIR/log/$1.log:" >&2
  tail -5 "$DIR/log/$1.log" >&2
  return 1
}
