#!/usr/bin/env bash
# Three hubs over one PostgreSQL and one S3 store behind nginx, all on this machine: up.sh [DIR]
# What it needs and what it is for is in README.md. Run it again after down.sh, and everything is as it was.
#   CAIRN       the hub's binary (default: bin/cairn of this repository, built when absent)
#   BASE_PORT   first of the ports (default 28100: the balancer's)
#   VERSITYGW   the S3 server's binary (default: from PATH, else built once from its Go module)
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "${1:-three-nodes}"
DIR=$(cd "${1:-three-nodes}" && pwd)
. "$here/lib.sh"

need() { command -v "$1" >/dev/null || { echo "This example needs $1 (Debian: apt-get install $2)." >&2; exit 1; }; }
need nginx nginx
need curl curl
need git git
pgbin=$(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -V | tail -1)
[ -n "$pgbin" ] || pgbin=$(dirname "$(command -v initdb || echo /nowhere/initdb)")
[ -x "$pgbin/initdb" ] || { echo "This example needs PostgreSQL's server (Debian: apt-get install postgresql)." >&2; exit 1; }

mkdir -p "$DIR"/{run,log,nginx,s3,bin,node1,node2,node3}
chmod 755 "$DIR" # PostgreSQL runs as another user
chmod 700 "$DIR"/{s3,node1,node2,node3}

# Binaries.
CAIRN=${CAIRN:-$here/../../bin/cairn}
[ -x "$CAIRN" ] || make -s -C "$here/../.." build
CAIRN=$(cd "$(dirname "$CAIRN")" && pwd)/$(basename "$CAIRN")
ln -sfn "$CAIRN" "$DIR/bin/cairn"
VERSITYGW=${VERSITYGW:-$(command -v versitygw || echo "$DIR/bin/versitygw")}
[ -x "$VERSITYGW" ] || GOBIN="$DIR/bin" GOFLAGS= CGO_ENABLED=0 go install github.com/versity/versitygw/cmd/versitygw@v1.8.0

# Secrets are made once and stay in DIR.
secret() { od -An -tx1 -N16 /dev/urandom | tr -d ' \n'; }
if [ ! -s "$DIR/settings" ]; then
  (umask 077; cat > "$DIR/settings" <<END
export CAIRN_URL=http://127.0.0.1:$(port balancer)
export CAIRN_DATABASE_URL='postgres://cairn:$(secret)@127.0.0.1:$(port postgres)/cairn?pool_max_conns=16'
export CAIRN_BLOB_URL='s3://cairn?endpoint=http://127.0.0.1:$(port s3)&region=us-east-1'
export CAIRN_S3_ACCESS_KEY=cairn
export CAIRN_S3_SECRET_KEY=$(secret)
export CAIRN_TRUSTED_PROXIES=127.0.0.1
BASE_PORT=$BASE_PORT
END
  )
fi
. "$DIR/settings"

# PostgreSQL.
as() { "$@"; }
if [ "$(id -u)" = 0 ]; then as() { runuser -u postgres -- "$@"; }; fi
password=${CAIRN_DATABASE_URL#postgres://cairn:}; password=${password%%@*}
if [ ! -d "$DIR/postgres/data" ]; then
  mkdir -p "$DIR/postgres"
  (umask 077; echo "$password" > "$DIR/postgres/password")
  if [ "$(id -u)" = 0 ]; then chown -R postgres "$DIR/postgres"; fi
  (cd / && as "$pgbin/initdb" -D "$DIR/postgres/data" -U cairn --pwfile="$DIR/postgres/password" -A scram-sha-256 --encoding=UTF8 --locale=C >/dev/null)
fi
: >> "$DIR/log/postgres.log"
if [ "$(id -u)" = 0 ]; then chown postgres "$DIR/log/postgres.log"; fi
(cd / && as "$pgbin/pg_ctl" -D "$DIR/postgres/data" -l "$DIR/log/postgres.log" -w -t 60 \
  -o "-p $(port postgres) -c listen_addresses=127.0.0.1 -c unix_socket_directories= -c max_connections=200 ${POSTGRES_OPTIONS:-}" start >/dev/null)
PGPASSWORD=$password "$pgbin/psql" -h 127.0.0.1 -p "$(port postgres)" -U cairn -d postgres -Atc "SELECT 1 FROM pg_database WHERE datname = 'cairn'" | grep -q 1 ||
  PGPASSWORD=$password "$pgbin/createdb" -h 127.0.0.1 -p "$(port postgres)" -U cairn cairn

# The S3 store. A bucket of versitygw is a folder.
mkdir -p "$DIR/s3/cairn"
running s3 || start s3 env ROOT_ACCESS_KEY="$CAIRN_S3_ACCESS_KEY" ROOT_SECRET_KEY="$CAIRN_S3_SECRET_KEY" \
  "$VERSITYGW" --region us-east-1 --port "127.0.0.1:$(port s3)" --quiet posix "$DIR/s3"
for _ in $(seq 300); do
  (: < "/dev/tcp/127.0.0.1/$(port s3)") 2>/dev/null && break
  sleep 0.1
done

# The hubs. The first makes the schema and the administrator, whose token its log shows once.
begin() {
  bash "$here/node.sh" "$DIR" "$1" start
  for _ in $(seq 50); do [ -s "$DIR/run/node$1.pid" ] && break; sleep 0.1; done
}
begin 1
await node1 "http://127.0.0.1:$(port node1)/readyz"
begin 2
begin 3
await node2 "http://127.0.0.1:$(port node2)/readyz"
await node3 "http://127.0.0.1:$(port node3)/readyz"
if [ ! -s "$DIR/token" ]; then
  (umask 077; sed -n 's/^ *export HF_TOKEN=//p' "$DIR/log/node1.log" | head -1 > "$DIR/token")
fi

# The balancer. Without nginx's stream module, SSH is reached on the nodes' own ports.
stream_module='' stream=''
module=$(ls /usr/lib/nginx/modules/ngx_stream_module.so /usr/lib64/nginx/modules/ngx_stream_module.so 2>/dev/null | head -1 || true)
if [ -n "$module" ] || nginx -V 2>&1 | grep -q -- '--with-stream\( \|$\)'; then
  [ -z "$module" ] || stream_module="load_module $module;"
  stream="stream { upstream ssh { least_conn; server 127.0.0.1:$(port ssh1) max_fails=1 fail_timeout=2s; server 127.0.0.1:$(port ssh2) max_fails=1 fail_timeout=2s; server 127.0.0.1:$(port ssh3) max_fails=1 fail_timeout=2s; }
  server { listen 127.0.0.1:$(port ssh); proxy_pass ssh; proxy_connect_timeout 2s; proxy_timeout 10m; } }"
fi
user=''
if [ "$(id -u)" = 0 ]; then user='user root;'; fi # the example's folders are root's; your own balancer has a user of its own
conf=$(cat "$here/nginx.conf")
for one in "DIR=$DIR" "USER=$user" "STREAM_MODULE=$stream_module" "STREAM=$stream" "PORT=$(port balancer)" "NODE1=$(port node1)" "NODE2=$(port node2)" "NODE3=$(port node3)"; do
  conf=${conf//"@${one%%=*}@"/"${one#*=}"}
done
printf '%s\n' "$conf" > "$DIR/nginx/nginx.conf"
running nginx || nginx -p "$DIR/nginx" -c "$DIR/nginx/nginx.conf" -e "$DIR/log/nginx.log"
await nginx "http://127.0.0.1:$(port balancer)/readyz"

cat <<END
Three hubs serve http://127.0.0.1:$(port balancer)

  export HF_ENDPOINT=http://127.0.0.1:$(port balancer)
  export HF_TOKEN=$(cat "$DIR/token")

Stop them with $here/down.sh $DIR
END
