#!/bin/sh
# Fetches Debian's promtool for monitoring_test.py: the package prometheus, unpacked into a folder and
# not installed, since the package would start a server. Prints the program's path.
#
#   tests/e2e/fetch_promtool.sh [DIRECTORY]     (default: build/deps/prometheus)
set -eu

root=$(cd "$(dirname "$0")/../.." && pwd)
target=${1:-$root/build/deps/prometheus}
program=$target/usr/bin/promtool
. "$root/cmake/private_apt.sh"

if [ ! -x "$program" ]; then
  private_apt_begin deb bookworm >&2
  (cd "$work/source" && private_apt download prometheus >&2) || die "$mirror has no prometheus"
  mkdir -p "$target"
  dpkg-deb -x "$work"/source/prometheus_*.deb "$target"
fi
echo "$program"
