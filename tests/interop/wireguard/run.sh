#!/usr/bin/env bash
# Culvert's Device against Debian's wireguard-go.
#
#   namespace ours                                      namespace theirs
#   ┌─────────────────────────────┐                     ┌─────────────────────────────┐
#   │ wireguard_test_peer         │                     │ wireguard-go                │
#   │ cvo 10.77.0.1  fd77::1      │                     │ cvt 10.77.0.2  fd77::2      │
#   │                             │                     │                             │
#   │ veth 192.0.2.1:51001 ───────┼─────────────────────┼─ veth 192.0.2.2:51002       │
#   └─────────────────────────────┘                     └─────────────────────────────┘
#
# Usage: run.sh PATH-OF-wireguard_test_peer. Needs root. Prints one line per check; fails if a check
# fails.
set -Eeuo pipefail

peer_program=$(readlink -f "${1:?usage: run.sh PATH-OF-wireguard_test_peer}")
for needed in "$peer_program" wireguard-go wg socat nft ping; do
  command -v "$needed" >/dev/null || { echo "run.sh: $needed is missing" >&2; exit 1; }
done
tag=cv
. "$(dirname "$0")/../namespaces.sh"
# Wireguard-go names its control socket after the interface, in one folder for all namespaces.
tun=cvt$$
leftovers+=("/var/run/wireguard/$tun.sock")
logs+=("$work/peer.log")
peer_pid=
their_pid=
note_processes() { processes=($peer_pid $their_pid); }

# Follows a log while the writing process lives, for at most SECONDS.
follow() { timeout "$3" tail -n +1 -f --pid="$2" "$1" 2>/dev/null || true; }  # FILE PID SECONDS
# Waits until the peer's log has a line "NAME n" with n ≥ LEAST.
until_peer() {  # NAME LEAST SECONDS
  local name count
  while read -r name count; do
    if [[ $name == "$1" && $count -ge $2 ]]; then return 0; fi
  done < <(follow "$work/peer.log" "$peer_pid" "$3")
  return 1
}
peer_count() { awk -v name="$1" '$1 == name {n = $2} END {print n + 0}' "$work/peer.log"; }

start_peer() {  # extra arguments
  stop_peer
  : >"$work/peer.log"
  # Not with in_ours, which starts a shell with the peer as a child.
  ip netns exec "$ours" "$peer_program" tun=cvo listen=51001 key="$work/our.key" peer="$their_public" \
    preshared="$work/preshared.key" allowed=10.77.0.2/32,fd77::2/128 "$@" >>"$work/peer.log" 2>&1 &
  peer_pid=$!
  note_processes
  grep -q -m1 ready <(follow "$work/peer.log" "$peer_pid" 10)
  in_ours ip address add 10.77.0.1/24 dev cvo
  in_ours ip address add fd77::1/64 dev cvo nodad
  in_ours ip link set cvo mtu 1420 up
}
stop_peer() {
  [[ -n $peer_pid ]] || return 0
  kill "$peer_pid" 2>/dev/null || true
  wait "$peer_pid" 2>/dev/null || true
  peer_pid=
  note_processes
}

their_config() { in_theirs wg set "$tun" "$@"; }
their_peer() { their_config peer "$our_public" "$@"; }
# Makes wireguard-go forget its session and the peer's endpoint.
reset_theirs() {
  their_peer remove
  their_peer preshared-key "$work/preshared.key" allowed-ips 10.77.0.1/32,fd77::1/128 "$@"
}
their_endpoint() { in_theirs wg show "$tun" endpoints | awk '{print $2}'; }
their_endpoint_is() { [[ $(their_endpoint) == "$1" ]] || { their_endpoint; return 1; }; }

ping_ours() { in_theirs ping -n -q -i 0.2 -c "${1:-3}" -w 20 10.77.0.1; }
ping_theirs() { in_ours ping -n -q -i 0.2 -c "${1:-3}" -w 20 10.77.0.2; }

# Succeeds with the first answer.
some_answer() { in_ours ping -n -q -i 0.2 -c 1 -w 30 10.77.0.2; }

# Sends BYTES random bytes over TCP from one namespace to ADDRESS in the other, and compares.
transfer() {  # FROM TO ADDRESS BYTES
  head -c "$4" /dev/urandom >"$work/sent"
  rm -f "$work/received"
  ip netns exec "$2" timeout 90 socat -u "TCP6-LISTEN:7000,ipv6only=0,reuseaddr" \
    "CREATE:$work/received" &
  local listener=$!
  ip netns exec "$1" timeout 90 socat -u "FILE:$work/sent" "TCP:$3:7000,retry=100,interval=0.1"
  wait "$listener"
  cmp "$work/sent" "$work/received"
}

# ── the two ends ────────────────────────────────────────────────────────────────────────────────
umask 077
wg genkey >"$work/our.key"
wg genkey >"$work/their.key"
wg genpsk >"$work/preshared.key"
our_public=$(wg pubkey <"$work/our.key")
their_public=$(wg pubkey <"$work/their.key")

: >"$work/their.log"  # exists before follow() reads the file
WG_PROCESS_FOREGROUND=1 LOG_LEVEL=verbose ip netns exec "$theirs" wireguard-go "$tun" >"$work/their.log" 2>&1 &
their_pid=$!
note_processes
grep -q -m1 'UAPI listener started' <(follow "$work/their.log" "$their_pid" 10)
their_config listen-port 51002 private-key "$work/their.key"
in_theirs ip address add 10.77.0.2/24 dev "$tun"
in_theirs ip address add fd77::2/64 dev "$tun" nodad
in_theirs ip link set "$tun" mtu 1420 up

# ── they initiate ───────────────────────────────────────────────────────────────────────────────
start_peer
their_peer preshared-key "$work/preshared.key" allowed-ips 10.77.0.1/32,fd77::1/128 \
  endpoint 192.0.2.1:51001
check "they initiate, IPv4" ping_ours
check "they initiate: we answered and did not begin" \
  test "$(peer_count responses) $(peer_count initiations)" = "1 0"
check "IPv6 inside" in_theirs ping -n -q -i 0.2 -c 3 -w 10 fd77::1
check "TCP, 20 MB from us" transfer "$ours" "$theirs" 10.77.0.2 20000000
check "TCP, 20 MB from them" transfer "$theirs" "$ours" 10.77.0.1 20000000
check "TCP over IPv6" transfer "$ours" "$theirs" "[fd77::2]" 2000000

# ── we initiate, and renew often ────────────────────────────────────────────────────────────────
reset_theirs
start_peer endpoint=192.0.2.2:51002 rekey-after=5
check "we initiate" ping_theirs
check "we initiate: they answered and did not begin" \
  test "$(peer_count responses) $(peer_count initiations)" = "0 1"
ping_theirs 90 >"$work/ping.log" 2>&1 &
ping_pid=$!
check "rekey: four sessions" until_peer sessions 4 40
check "rekey: not a packet lost" wait "$ping_pid"
check "rekey: ping says so" grep -q ' 0% packet loss' "$work/ping.log"

# ── keepalives ──────────────────────────────────────────────────────────────────────────────────
reset_theirs
start_peer endpoint=192.0.2.2:51002
ping_theirs >/dev/null
in_theirs sysctl -q -w net.ipv4.icmp_echo_ignore_all=1  # so that no answer comes to the data
before=$(peer_count keepalives)
in_ours ping -n -q -c 1 -W 1 10.77.0.2 >/dev/null || true
check "keepalive: theirs, ten seconds after data" until_peer keepalives $((before + 1)) 20
in_theirs sysctl -q -w net.ipv4.icmp_echo_ignore_all=0
their_peer persistent-keepalive 1
check "keepalive: theirs, persistent" until_peer keepalives $((before + 4)) 20
their_peer persistent-keepalive 0
start_peer endpoint=192.0.2.2:51002 keepalive=1
check "keepalive: ours, persistent, opens a session by itself" until_peer sessions 1 20

# ── roaming ─────────────────────────────────────────────────────────────────────────────────────
check "roaming: before" their_endpoint_is 192.0.2.1:51001
kill -USR1 "$peer_pid"
check "roaming: our port changes, pings go on" ping_theirs
new_port=$(their_endpoint)
check "roaming: they followed" test "$new_port" != 192.0.2.1:51001
check "roaming: and reach us there" ping_ours
in_ours ip address add 192.0.2.11/24 dev veth
in_ours ip address del 192.0.2.1/24 dev veth
in_ours ip address replace 192.0.2.11/24 dev veth
check "roaming: our address changes" ping_theirs
check "roaming: they followed again" their_endpoint_is "192.0.2.11:${new_port##*:}"
their_config listen-port 51003
check "roaming: their port changes" ping_ours
check "roaming: we followed" ping_theirs

# ── cookies ─────────────────────────────────────────────────────────────────────────────────────
reset_theirs endpoint 192.0.2.11:51001
start_peer handshakes-per-second=0
check "cookies: they get one, and a session at the second attempt" ping_ours
check "cookies: ours were asked for once" test "$(peer_count cookies)" = 1

# ── a network that loses 5 % ────────────────────────────────────────────────────────────────────
lose_packets
reset_theirs
start_peer endpoint=192.0.2.2:51003 rekey-after=5
check "5 % loss: a session" some_answer
check "5 % loss: TCP, 2 MB from us" transfer "$ours" "$theirs" 10.77.0.2 2000000
check "5 % loss: TCP, 2 MB from them" transfer "$theirs" "$ours" 10.77.0.1 2000000
in_ours ping -n -q -i 0.2 -c 300 10.77.0.2 >/dev/null 2>&1 &
check "5 % loss: sessions are renewed" until_peer sessions 3 60
dropped() { ip netns exec "$1" nft list table inet faults | grep -q 'counter packets [1-9]'; }
lossy() {  # each packet is lost at random: sends until both sides have lost one
  for _ in $(seq 20); do
    dropped "$ours" && dropped "$theirs" && return 0
    in_ours ping -n -q -i 0.01 -c 50 10.77.0.2 >/dev/null 2>&1 || true
  done
  return 1
}
check "5 % loss: there was loss, both ways" lossy

exit "$failed"
