#!/bin/sh
# Fetches a newer wireguard-go than Debian 12's, for ./dev bench tunnel --newer-peer: the package of
# the suite below, unpacked into a folder but not installed. Prints the program's path.
#
#   tests/bench/fetch_peer.sh [DIRECTORY]     (default: build/deps/wireguard-go)
set -eu

suite=trixie

root=$(cd "$(dirname "$0")/../.." && pwd)
target=${1:-$root/build/deps/wireguard-go}
program=$target/usr/bin/wireguard-go
. "$root/cmake/private_apt.sh"

if [ ! -x "$program" ]; then
  private_apt_begin deb "$suite" >&2
  (cd "$work/source" && private_apt download wireguard-go >&2) || die "$mirror has no wireguard-go in $suite"
  mkdir -p "$target"
  dpkg-deb -x "$work"/source/wireguard-go_*.deb "$target"
fi
echo "$program"
