#!/bin/sh
# rootfs.sh BINARY DIR: lays out the whole file system of the image below DIR: the hub, git with the libraries that it is
# linked to, certificates of authorities, time zones. No shell, no package manager, nothing that runs as root.
# Needs git and ca-certificates on the machine that it runs on.
set -eu
binary=$1 root=$2

add() { # add FILE [AS]: a file and, of a program, the libraries that it is linked to
	mkdir -p "$root$(dirname "${2:-$1}")"
	cp -L "$1" "$root${2:-$1}"
	ldd "$1" 2>/dev/null | sed -n 's/.*=> \(\/[^ ]*\).*/\1/p; s/^\t\(\/[^ ]*\) (.*/\1/p' | while read -r library; do
		[ -e "$root$library" ] || { mkdir -p "$root$(dirname "$library")"; cp -L "$library" "$root$library"; }
	done
}

add "$binary" /usr/bin/cairn
add "$(command -v git)" /usr/bin/git
add /etc/ssl/certs/ca-certificates.crt
[ ! -d /usr/share/zoneinfo ] || { mkdir -p "$root/usr/share" && cp -RL /usr/share/zoneinfo "$root/usr/share/zoneinfo"; }

mkdir -p "$root/etc" "$root/data" "$root/tmp" "$root/proc" "$root/dev"
echo 'cairn:x:65532:65532:Cairn:/data:/nonexistent' >"$root/etc/passwd"
echo 'cairn:x:65532:' >"$root/etc/group"
printf 'hosts: files dns\n' >"$root/etc/nsswitch.conf"
chmod 1777 "$root/tmp"
chmod 700 "$root/data"
chown 65532:65532 "$root/data"
