#!/bin/sh
# Fetches lwIP's source from Debian and unpacks it to DIRECTORY (default: build/deps/lwip).
#
#   cmake/fetch_lwip.sh [DIRECTORY]
#
# apt checks the signature of the release (Debian's archive key) and every hash below it; the .dsc
# must be the one pinned here besides. Lists and state are private: the system's apt sees nothing.
# Needs apt, dpkg-dev and debian-archive-keyring; no root. Does nothing when the tree is there.
set -eu

version=2.2.1+dfsg1-1+deb13u1
dsc_sha256=07ecb7122b2882a5265c6d1413947dd9a054d5ae25150b7042885d3f3d0b5aad
suite=trixie
timeout=300 # seconds for each of apt's two steps

root=$(cd "$(dirname "$0")/.." && pwd)
target=${1:-$root/build/deps/lwip}
stamp="$version $dsc_sha256"

die() {
  echo "fetch_lwip: $*" >&2
  exit 1
}

if [ "$(cat "$target/.culvert-source" 2>/dev/null)" = "$stamp" ]; then
  exit 0
fi
for tool in apt-get dpkg-source sha256sum; do
  command -v $tool >/dev/null || die "$tool is missing: apt-get install apt dpkg-dev coreutils"
done

keyring=
for file in /usr/share/keyrings/debian-archive-keyring.gpg \
  /usr/share/keyrings/debian-archive-keyring.pgp; do
  [ -r $file ] && keyring=$file && break
done
[ -n "$keyring" ] || die "no Debian archive key: apt-get install debian-archive-keyring"

# The mirror that this machine already uses for Debian, else Debian's own.
mirror=$(cat /etc/apt/sources.list /etc/apt/sources.list.d/*.list \
  /etc/apt/sources.list.d/*.sources 2>/dev/null |
  sed -n -e 's/^URIs:[[:space:]]*//p' -e 's/^deb[[:space:]]\(\[[^]]*\][[:space:]]*\)\{0,1\}//p' |
  tr ' ' '\n' | grep -E '^https?://[^ ]*/debian/?$' | head -n 1 || true)
mirror=${mirror:-http://deb.debian.org/debian}

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM
chmod 755 "$work"
mkdir -p "$work/lists/partial" "$work/cache/archives/partial" "$work/source"
: >"$work/status"
echo "deb-src [signed-by=$keyring] $mirror $suite main" >"$work/sources.list"

private_apt() {
  timeout $timeout apt-get -qq \
    -o Dir::Etc::SourceList="$work/sources.list" -o Dir::Etc::SourceParts=/dev/null \
    -o Dir::Etc::Preferences=/dev/null -o Dir::Etc::PreferencesParts=/dev/null \
    -o Dir::State="$work" -o Dir::State::Lists="$work/lists" -o Dir::State::Status="$work/status" \
    -o Dir::Cache="$work/cache" -o Acquire::Languages=none -o Acquire::Retries=3 \
    -o APT::Update::Error-Mode=any -o APT::Update::Post-Invoke= \
    -o APT::Update::Post-Invoke-Success= -o APT::Sandbox::User="$(id -un)" "$@"
}

echo "fetch_lwip: lwIP $version from $mirror ($suite)"
private_apt update || die "cannot read $mirror $suite; is the network there and the clock right?"
(cd "$work/source" && private_apt source --download-only "lwip=$version") ||
  die "$mirror has no lwip $version in $suite (a newer one? then this script must pin it)"
echo "$dsc_sha256  $work/source/lwip_$version.dsc" | sha256sum --check --quiet --status ||
  die "lwip_$version.dsc is not the pinned file: not used"
(cd "$work/source" && dpkg-source -q --no-check -x "lwip_$version.dsc" tree >/dev/null) ||
  die "cannot unpack lwip $version"

echo "$stamp" >"$work/source/tree/.culvert-source"
mkdir -p "$(dirname "$target")"
rm -rf "$target.new"
cp -R "$work/source/tree" "$target.new"
rm -rf "$target"
mv "$target.new" "$target"
echo "fetch_lwip: unpacked to $target"
