# Two network namespaces with a wire between them, and checks in them. To be sourced.
#
#   $ours: veth 192.0.2.1 ── veth 192.0.2.2 :$theirs
#
# $tag names the namespaces. At the end the script kills every process in $namespaces and in
# $processes, and removes the namespaces, $work and $leftovers. A script that makes more adds to
# these variables.
#
# Runs in its own mounts: the names of namespaces and wg's control sockets are shared by the whole
# machine, and wg removes any socket that refuses a connection.
set -Eeuo pipefail

if [[ -z ${CULVERT_OWN_MOUNTS:-} ]]; then
  CULVERT_OWN_MOUNTS=1 exec unshare --mount "$0" "$@"
fi
mkdir -p /run/netns /run/wireguard
mount -t tmpfs none /run/netns
mount -t tmpfs none /run/wireguard

work=$(mktemp -d)
ours=$tag-o-$$
theirs=$tag-t-$$
namespaces=("$ours" "$theirs")
processes=()  # may not have entered their namespace yet
leftovers=()
logs=("$work/check.log")  # shown when a check fails
failed=0

cleanup() {
  trap - EXIT INT TERM
  local name pid
  for name in "${namespaces[@]}"; do processes+=($(ip netns pids "$name" 2>/dev/null)); done
  for pid in "${processes[@]}"; do kill "$pid" 2>/dev/null || true; done
  wait 2>/dev/null || true
  for name in "${namespaces[@]}"; do ip netns del "$name" 2>/dev/null || true; done
  rm -rf "$work" "${leftovers[@]}"
}
trap cleanup EXIT
trap 'echo "FAIL  set-up, line $LINENO: $BASH_COMMAND" >&2' ERR
trap 'exit 1' INT TERM

in_ours() { ip netns exec "$ours" "$@"; }
in_theirs() { ip netns exec "$theirs" "$@"; }

check() {  # check NAME COMMAND…
  local name=$1
  shift
  if "$@" >"$work/check.log" 2>&1; then
    echo "ok    $name"
  else
    echo "FAIL  $name: $(cut -c 1-300 <<<"$*" | head -n 5)"
    cat "${logs[@]}" | tail -n 30 | cut -c 1-300 | sed 's/^/      /'
    failed=1
  fi
}

add_wire() {  # NAME ADDRESS-OF-OURS ADDRESS-OF-THEIRS, in one /24
  in_ours ip link add "$1" type veth peer name "$1" netns "$theirs"
  in_ours ip address add "$2/24" dev "$1"
  in_theirs ip address add "$3/24" dev "$1"
  in_ours ip link set "$1" up
  in_theirs ip link set "$1" up
}

lose_packets() {  # one UDP datagram in twenty, both ways
  local name
  for name in "$ours" "$theirs"; do
    ip netns exec "$name" nft -f - <<'RULES'
table inet faults {
  chain input {
    type filter hook input priority 0;
    iifname "veth" meta l4proto udp numgen random mod 100 < 5 counter drop
  }
}
RULES
  done
}

for name in "$ours" "$theirs"; do
  ip netns add "$name"
  ip -n "$name" link set lo up
done
add_wire veth 192.0.2.1 192.0.2.2
