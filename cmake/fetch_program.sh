#!/bin/sh
# Unpacks a Debian package into a folder of build/deps, without installing the package. Prints the
# path of a program of the package. For programs that a test or a benchmark runs, whose package
# would start a server (prometheus) or is newer than Debian 12's (wireguard-go).
#
#   cmake/fetch_program.sh PACKAGE SUITE PROGRAM      such as: prometheus bookworm usr/bin/promtool
set -eu

package=$1 suite=$2
root=$(cd "$(dirname "$0")/.." && pwd)
target=$root/build/deps/$package-$suite
program=$target/$3
. "$root/cmake/private_apt.sh"

if [ ! -x "$program" ]; then
  private_apt_begin deb "$suite" >&2
  (cd "$work/source" && private_apt download "$package" >&2) ||
    die "$mirror has no $package in $suite"
  mkdir -p "$target"
  dpkg-deb -x "$work/source/$package"_*.deb "$target"
fi
echo "$program"
