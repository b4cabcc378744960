#!/bin/sh
# Fetches lwIP's source from Debian, unpacks it to DIRECTORY (default: build/deps/lwip) and applies
# agent/stack/lwip/patches.
#
#   cmake/fetch_lwip.sh [DIRECTORY]
#   cmake/fetch_lwip.sh --stamp      what .culvert-source says in a tree that is as it should be
#
# Signed and hashed as private_apt.sh says; the .dsc must be the one pinned here besides. Needs
# dpkg-dev and patch. Does nothing when the tree is as it should be.
set -eu

version=2.2.1+dfsg1-1+deb13u1
dsc_sha256=07ecb7122b2882a5265c6d1413947dd9a054d5ae25150b7042885d3f3d0b5aad
suite=trixie

root=$(cd "$(dirname "$0")/.." && pwd)
patches=$root/agent/stack/lwip/patches
stamp="$version $dsc_sha256 $(cat "$patches"/*.patch | sha256sum | cut -d ' ' -f 1)"
if [ "${1:-}" = --stamp ]; then
  echo "$stamp"
  exit 0
fi
target=${1:-$root/build/deps/lwip}
. "$root/cmake/private_apt.sh"

if [ "$(cat "$target/.culvert-source" 2>/dev/null)" = "$stamp" ]; then
  exit 0
fi
private_apt_begin deb-src "$suite"
echo "fetch_lwip: lwIP $version from $mirror ($suite)"
(cd "$work/source" && private_apt source --download-only "lwip=$version") ||
  die "$mirror has no lwip $version in $suite (a newer one? then this script must pin it)"
echo "$dsc_sha256  $work/source/lwip_$version.dsc" | sha256sum --check --quiet --status ||
  die "lwip_$version.dsc is not the pinned file: not used"
(cd "$work/source" && dpkg-source -q --no-check -x "lwip_$version.dsc" tree >/dev/null) ||
  die "cannot unpack lwip $version"
for patch in "$patches"/*.patch; do
  patch -s -p1 -d "$work/source/tree" <"$patch" || die "$patch does not apply"
done

echo "$stamp" >"$work/source/tree/.culvert-source"
mkdir -p "$(dirname "$target")"
rm -rf "$target.new"
cp -R "$work/source/tree" "$target.new"
rm -rf "$target"
mv "$target.new" "$target"
echo "fetch_lwip: unpacked to $target"
