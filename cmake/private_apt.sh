# Sourced by the scripts that fetch pinned files from Debian; they run under `set -eu`.
#
# apt checks the signature of the release (Debian's archive key) and every hash below it. Lists and
# state are private: the system's apt sees nothing. Needs apt, debian-archive-keyring; no root.
#
#   die MESSAGE…            ends the script
#   debian_mirror           prints the mirror that this machine uses for Debian, else Debian's own
#   private_apt_begin KIND SUITE   KIND is deb or deb-src; makes the temporary folder $work
#   private_apt WORDS…      apt-get with these lists

timeout=300 # seconds for each of apt's steps

die() {
  echo "$(basename "$0" .sh): $*" >&2
  exit 1
}

debian_mirror() {
  found=$(cat /etc/apt/sources.list /etc/apt/sources.list.d/*.list \
    /etc/apt/sources.list.d/*.sources 2>/dev/null |
    sed -n -e 's/^URIs:[[:space:]]*//p' -e 's/^deb[[:space:]]\(\[[^]]*\][[:space:]]*\)\{0,1\}//p' |
    tr ' ' '\n' | grep -E '^https?://[^ ]*/debian/?$' | head -n 1 || true)
  echo "${found:-http://deb.debian.org/debian}"
}

private_apt_begin() {
  for tool in apt-get dpkg-source sha256sum; do
    command -v $tool >/dev/null || die "$tool is missing: apt-get install apt dpkg-dev coreutils"
  done
  keyring=
  for file in /usr/share/keyrings/debian-archive-keyring.gpg \
    /usr/share/keyrings/debian-archive-keyring.pgp; do
    [ -r $file ] && keyring=$file && break
  done
  [ -n "$keyring" ] || die "no Debian archive key: apt-get install debian-archive-keyring"

  mirror=$(debian_mirror)

  work=$(mktemp -d)
  trap 'rm -rf "$work"' EXIT
  trap 'exit 1' HUP INT TERM
  chmod 755 "$work"
  mkdir -p "$work/lists/partial" "$work/cache/archives/partial" "$work/source"
  : >"$work/status"
  echo "$1 [signed-by=$keyring] $mirror $2 main" >"$work/sources.list"
  private_apt update || die "cannot read $mirror $2; is the network there and the clock right?"
}

private_apt() {
  timeout $timeout apt-get -qq \
    -o Dir::Etc::SourceList="$work/sources.list" -o Dir::Etc::SourceParts=/dev/null \
    -o Dir::Etc::Preferences=/dev/null -o Dir::Etc::PreferencesParts=/dev/null \
    -o Dir::State="$work" -o Dir::State::Lists="$work/lists" -o Dir::State::Status="$work/status" \
    -o Dir::Cache="$work/cache" -o Acquire::Languages=none -o Acquire::Retries=3 \
    -o APT::Update::Error-Mode=any -o APT::Update::Post-Invoke= \
    -o APT::Update::Post-Invoke-Success= -o APT::Sandbox::User="$(id -un)" "$@"
}
