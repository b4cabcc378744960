#!/usr/bin/env bash
# `culvert wireguard` in place of wireguard-go: Debian's wg and wg-quick drive it, Debian's
# wireguard-go is its peer.
#
#   namespace ours                                      namespace theirs
#   ┌─────────────────────────────┐                     ┌─────────────────────────────┐
#   │ culvert-wireguard           │                     │ wireguard-go                │
#   │ cwo 10.77.0.1  fd77::1      │                     │ cwt 10.77.0.2  fd77::2      │
#   │                             │                     │                             │
#   │ veth 192.0.2.1     :51001 ──┼─────────────────────┼─ veth 192.0.2.2     :51002  │
#   │      2001:db8::1            │                     │      2001:db8::2            │
#   │ rekey 198.51.100.1 :51011 ──┼─────────────────────┼─ rekey 198.51.100.2 :51012  │
#   └─────────────────────────────┘                     └─────────────────────────────┘
#
# A second tunnel (cwro 10.78.0.1, cwrt 10.78.0.2, over `rekey`) only carries pings, for longer than
# WireGuard uses the keys of a session.
#
# Usage: run.sh PATH-OF-culvert-wireguard. Needs root. Prints one line per check; fails if a check
# fails.
set -Eeuo pipefail

program=$(cd "$(dirname "${1:?usage: run.sh PATH-OF-culvert-wireguard}")" && pwd)/$(basename "$1")
for needed in "$program" wireguard-go wg wg-quick socat nft ping iperf3; do
  command -v "$needed" >/dev/null || { echo "run.sh: $needed is missing" >&2; exit 1; }
done
tag=cw
. "$(dirname "$0")/../namespaces.sh"
inner=cw-i-$$
namespaces+=("$inner")
# Control sockets are named after interfaces and are in one folder for all namespaces.
sockets=/var/run/wireguard
cwo=cwo$$
cwt=cwt$$
cwro=cwro$$
cwrt=cwrt$$
leftovers+=("$sockets"/{"$cwo","$cwt","$cwro","$cwrt"}.sock)

equal() { [[ $1 == "$2" ]] || { printf 'first:  %s\nsecond: %s\n' "$1" "$2"; return 1; }; }
fails() { ! "$@"; }
until_true() {  # SECONDS COMMAND…
  local end=$((SECONDS + $1))
  shift
  until "$@"; do
    ((SECONDS < end)) || return 1
    read -r -t 0.1 <> <(:) || true  # waits a tenth of a second without a process
  done
}

our_pids() {  # IFNAME: processes of culvert-wireguard with IFNAME as their last word
  local pid
  for pid in $(ip netns pids "$ours"); do
    if [[ $(tr '\0' ' ' 2>/dev/null <"/proc/$pid/cmdline") == "$program "*"$1 " ]]; then echo "$pid"; fi
  done
}
gone() {  # IFNAME: process, socket and interface
  [[ -z $(our_pids "$1") && ! -e $sockets/$1.sock ]] && ! in_ours ip link show "$1" >/dev/null 2>&1
}

serves() {  # IFNAME; wg must not ask before the socket listens: wg removes a refusing socket
  [[ $(in_ours ss -Hlx) == *"/$1.sock"* ]] && in_ours wg show "$1"
}

ping_ours() { in_theirs ping -n -q -i 0.2 -c 3 -w 20 10.77.0.1; }
ping_theirs() { in_ours ping -n -q -i 0.2 -c 3 -w 20 10.77.0.2; }
wg_ours() { in_ours wg set "$cwo" "$@"; }
wg_theirs() { in_theirs wg set "$cwt" "$@"; }
of_peer() { wg show "$1" "$2" | awk -v key="$3" '$1 == key {$1 = ""; print substr($0, 2)}'; }
their_endpoint_of_us() { of_peer "$cwt" endpoints "$our_public"; }
our_handshake() { of_peer "$cwo" latest-handshakes "$their_public"; }
peers_of() { wg show "$1" peers | sort; }

# Both ends forget sessions and endpoints; extra arguments go to the side of Culvert.
fresh_peers() {
  wg_theirs peer "$our_public" remove
  wg_ours peer "$their_public" remove
  wg_theirs peer "$our_public" preshared-key "$work/preshared" allowed-ips 10.77.0.1/32,fd77::1/128
  wg_ours peer "$their_public" preshared-key "$work/preshared" \
    allowed-ips 10.77.0.2/32,fd77::2/128 "$@"
}

start_theirs() {  # IFNAME ADDRESS
  in_theirs wireguard-go "$1" >"$work/$1.log" 2>&1
  in_theirs ip address add "$2/24" dev "$1"
  in_theirs ip link set "$1" mtu 1420 up
}

# ── the two ends ────────────────────────────────────────────────────────────────────────────────
umask 077
for key in our their our_rekey their_rekey; do wg genkey >"$work/$key.key"; done
wg genpsk >"$work/preshared"
our_public=$(wg pubkey <"$work/our.key")
their_public=$(wg pubkey <"$work/their.key")

in_ours ip address add 2001:db8::1/64 dev veth nodad
in_theirs ip address add 2001:db8::2/64 dev veth nodad
add_wire rekey 198.51.100.1 198.51.100.2

# ── a tunnel that is pinged through a rekey, while the rest goes on ──────────────────────────────
start_theirs "$cwrt" 10.78.0.2
in_theirs wg set "$cwrt" listen-port 51012 private-key "$work/their_rekey.key" \
  peer "$(wg pubkey <"$work/our_rekey.key")" allowed-ips 10.78.0.1/32
in_ours "$program" "$cwro"
in_ours wg set "$cwro" listen-port 51011 private-key "$work/our_rekey.key" \
  peer "$(wg pubkey <"$work/their_rekey.key")" allowed-ips 10.78.0.2/32 endpoint 198.51.100.2:51012
in_ours ip address add 10.78.0.1/24 dev "$cwro"
in_ours ip link set "$cwro" up
in_ours ping -n -q -c 1 -w 20 10.78.0.2 >/dev/null
rekey_before=$(wg show "$cwro" latest-handshakes | awk '{print $2}')
ip netns exec "$ours" ping -n -q -i 0.2 -c 650 10.78.0.2 >"$work/rekey.log" 2>&1 &
rekey_ping=$!

# ── wg-quick ────────────────────────────────────────────────────────────────────────────────────
start_theirs "$cwt" 10.77.0.2
in_theirs ip address add fd77::2/64 dev "$cwt" nodad
wg_theirs listen-port 51002 private-key "$work/their.key" peer "$our_public" \
  preshared-key "$work/preshared" allowed-ips 10.77.0.1/32,fd77::1/128
cat >"$work/$cwo.conf" <<CONFIG
[Interface]
PrivateKey = $(cat "$work/our.key")
ListenPort = 51001
Address = 10.77.0.1/24, fd77::1/64
MTU = 1400

[Peer]
PublicKey = $their_public
PresharedKey = $(cat "$work/preshared")
AllowedIPs = 10.77.0.2/32, fd77::2/128
Endpoint = 192.0.2.2:51002
CONFIG
quick() { WG_QUICK_USERSPACE_IMPLEMENTATION=$program in_ours wg-quick "$1" "$work/$cwo.conf"; }
if [[ -e /sys/module/wireguard ]]; then
  echo "skip  wg-quick: this kernel has WireGuard, wg-quick would use that"
  in_ours "$program" "$cwo"
  wg_ours listen-port 51001 private-key "$work/our.key" peer "$their_public" \
    preshared-key "$work/preshared" allowed-ips 10.77.0.2/32,fd77::2/128 endpoint 192.0.2.2:51002
  in_ours ip address add 10.77.0.1/24 dev "$cwo"
  in_ours ip address add fd77::1/64 dev "$cwo" nodad
  in_ours ip link set "$cwo" up
else
  check "wg-quick up" quick up
  check "we initiate" ping_theirs
  check "wg-quick down" quick down
  check "… and process, socket and interface are gone" until_true 5 gone "$cwo"
  check "wg-quick up again" quick up
fi
check "the control socket is root's alone" equal "$(stat -c %a "$sockets/$cwo.sock")" 600

# ── sessions ────────────────────────────────────────────────────────────────────────────────────
check "we initiate, IPv4" ping_theirs
check "IPv6 inside" in_ours ping -n -q -i 0.2 -c 3 -w 10 fd77::2
fresh_peers
wg_theirs peer "$our_public" endpoint 192.0.2.1:51001
check "they initiate" ping_ours
fresh_peers endpoint "[2001:db8::2]:51002"
check "we initiate, over IPv6" ping_theirs
check "… as they see it" equal "$(their_endpoint_of_us)" "[2001:db8::1]:51001"

# ── get ─────────────────────────────────────────────────────────────────────────────────────────
fresh_peers endpoint 192.0.2.2:51002 persistent-keepalive 25
check "showconf reads back as it was set" equal "$(wg showconf "$cwo" | sed '/^$/d')" "[Interface]
ListenPort = 51001
PrivateKey = $(cat "$work/our.key")
[Peer]
PublicKey = $their_public
PresharedKey = $(cat "$work/preshared")
AllowedIPs = 10.77.0.2/32, fd77::2/128
Endpoint = 192.0.2.2:51002
PersistentKeepalive = 25"
check "a session" ping_theirs
check "the handshake is now" test $(($(date +%s) - $(our_handshake))) -le 10
check "bytes are counted" test "$(of_peer "$cwo" transfer "$their_public" | tr -d '\t ' )" -gt 1000

# ── preshared keys ──────────────────────────────────────────────────────────────────────────────
fresh_peers endpoint 192.0.2.2:51002
wg genpsk >"$work/another"
wg_ours peer "$their_public" preshared-key "$work/another"
check "another preshared key: no session" fails in_ours ping -n -q -c 1 -W 1 10.77.0.2
fresh_peers endpoint 192.0.2.2:51002
check "the same: a session" ping_theirs
wg_ours peer "$their_public" preshared-key /dev/null
check "none shows as none" equal "$(of_peer "$cwo" preshared-keys "$their_public")" "(none)"
check "and does not end the session" ping_theirs

# ── keepalives ──────────────────────────────────────────────────────────────────────────────────
fresh_peers
wg_ours peer "$their_public" endpoint 192.0.2.2:51002 persistent-keepalive 1
received() { of_peer "$cwt" transfer "$our_public" | awk '{print $1}'; }
more_than() { (($(received) > $1)); }
check "keepalive: opens a session by itself" until_true 10 more_than 200
check "keepalive: goes on" until_true 10 more_than $(($(received) + 60))
wg_ours peer "$their_public" persistent-keepalive 0

# ── roaming ─────────────────────────────────────────────────────────────────────────────────────
check "roaming: before" equal "$(their_endpoint_of_us)" 192.0.2.1:51001
wg_ours listen-port 51005
check "roaming: our port changes" ping_theirs
check "roaming: they followed" equal "$(their_endpoint_of_us)" 192.0.2.1:51005
in_ours ip address add 192.0.2.11/24 dev veth
in_ours ip address del 192.0.2.1/24 dev veth
in_ours ip address replace 192.0.2.11/24 dev veth
check "roaming: our address changes" ping_theirs
check "roaming: they followed again" equal "$(their_endpoint_of_us)" 192.0.2.11:51005
wg_theirs listen-port 51003
check "roaming: their port changes" ping_ours
check "roaming: we followed" equal "$(of_peer "$cwo" endpoints "$their_public")" 192.0.2.2:51003
wg_ours listen-port 0
check "a port of the system's choice" ping_theirs
check "… is said" test "$(wg show "$cwo" listen-port)" -gt 1024
wg_ours listen-port 51001

# ── marks, MTU, down and up ─────────────────────────────────────────────────────────────────────
in_ours nft -f - <<'RULES'
table inet marked {
  counter marks { }
  chain output {
    type filter hook output priority 0;
    meta mark 0x77 counter name marks
  }
}
RULES
wg_ours fwmark 0x77
check "fwmark is said" equal "$(wg show "$cwo" fwmark)" 0x77
ping_theirs >/dev/null
marked() { [[ $(in_ours nft list counter inet marked marks) == *"packets "[1-9]* ]]; }
check "fwmark is on the packets" marked
wg_ours listen-port 51006  # a new socket
in_ours nft reset counter inet marked marks >/dev/null
ping_theirs >/dev/null
check "… of the next socket too" marked
wg_ours listen-port 51001 fwmark off
in_ours ip link set "$cwo" mtu 1280
check "another MTU" in_ours ping -n -q -i 0.2 -c 3 -w 10 -s 1252 -M "do" 10.77.0.2
in_ours ip link set "$cwo" down
ports() { in_ours ss -Hulpn "sport = :51001"; }
check "down: no UDP socket" until_true 5 equal "$(ports)" ""
check "down: settings stay" equal "$(wg show "$cwo" listen-port)" 51001
in_ours ip link set "$cwo" up
in_ours ip address replace fd77::1/64 dev "$cwo" nodad
check "up: a session again" ping_theirs

# ── moved to a namespace that has nothing else ──────────────────────────────────────────────────
ip netns add "$inner"
fresh_peers endpoint 192.0.2.2:51003
in_ours ip link set "$cwo" netns "$inner"
ip -n "$inner" address add 10.77.0.1/24 dev "$cwo"
ip -n "$inner" link set "$cwo" up
check "moved: the socket stays in the old namespace" \
  ip netns exec "$inner" ping -n -q -i 0.2 -c 3 -w 20 10.77.0.2
ip -n "$inner" link set "$cwo" netns "$ours"
in_ours ip address add 10.77.0.1/24 dev "$cwo"
in_ours ip address add fd77::1/64 dev "$cwo" nodad
in_ours ip link set "$cwo" up
check "moved back" ping_theirs

# ── many peers ──────────────────────────────────────────────────────────────────────────────────
strangers() {  # FROM TO: adds peers that do not exist
  local number
  for number in $(seq "$1" "$2"); do
    printf '[Peer]\nPublicKey = %s\nAllowedIPs = 10.80.%d.%d/32, fd80::%x/128\nEndpoint = 203.0.113.%d:%d\n' \
      "$(head -c 32 /dev/urandom | base64)" $((number / 250)) $((number % 250)) "$number" \
      $((number % 250)) $((1024 + number))
  done
}
printf '[Interface]\nPrivateKey = %s\nListenPort = 51001\n' "$(cat "$work/our.key")" >"$work/none.conf"
{
  cat "$work/none.conf"
  printf '[Peer]\nPublicKey = %s\nAllowedIPs = 10.77.0.2/32, fd77::2/128\nEndpoint = 192.0.2.2:51003\n' \
    "$their_public"
  strangers 1 250
} >"$work/fewer.conf"
{ cat "$work/fewer.conf"; strangers 251 500; } >"$work/all.conf"
wg_theirs peer "$our_public" preshared-key /dev/null
wanted() { awk '/^PublicKey/ {print $3}' "$1" | sort; }
check "setconf: 501 peers" in_ours wg setconf "$cwo" "$work/all.conf"
check "setconf: those and no others" equal "$(peers_of "$cwo")" "$(wanted "$work/all.conf")"
check "setconf: the one that is there" ping_theirs
before=$(our_handshake)
check "syncconf: 250 fewer" in_ours wg syncconf "$cwo" "$work/fewer.conf"
check "syncconf: those and no others" equal "$(peers_of "$cwo")" "$(wanted "$work/fewer.conf")"
check "syncconf: the session stays" equal "$(our_handshake)" "$before"
check "syncconf: and works" ping_theirs
check "showconf, setconf, showconf: the same" equal \
  "$(wg showconf "$cwo" | sort)" \
  "$(wg showconf "$cwo" >"$work/shown.conf" && in_ours wg setconf "$cwo" "$work/shown.conf" && wg showconf "$cwo" | sort)"
wg_ours peer "$their_public" allowed-ips 10.99.0.0/24
check "replaced allowed-ips: no way there any more" fails in_ours ping -n -q -c 1 -W 1 10.77.0.2
in_ours wg setconf "$cwo" "$work/none.conf"
check "replace-peers: none is left" equal "$(peers_of "$cwo")" ""
wg_theirs listen-port 51002
fresh_peers endpoint 192.0.2.2:51002
check "a session again" ping_theirs

# ── malformed requests: wireguard-go's errno ────────────────────────────────────────────────────
# The first line of the answer; empty where the program closes the connection without a line.
raw() { printf '%b' "$2" | timeout 5 socat -t 1 - "UNIX-CONNECT:$sockets/$1.sock" 2>/dev/null | grep -m1 errno || true; }
zeros=$(printf '0%.0s' $(seq 64))
key=$(printf 'a%.0s' $(seq 64))
peer="public_key=$key\n"
while read -r request; do
  theirs_said=$(raw "$cwt" "set=1\n$request\n\n")
  short=${request#"$peer"}
  check "errno: ${short:0:50} → ${theirs_said#errno=}" equal "$(raw "$cwo" "set=1\n$request\n\n")" "$theirs_said"
done <<REQUESTS
private_key=$key$key
private_key=zz${key:2}
private_key=
listen_port=65536
listen_port=-1
listen_port=1=2
listen_port
fwmark=4294967296
fwmark=off
replace_peers=false
nonsense=1
endpoint=192.0.2.9:1
public_key=$key$key
${peer}preshared_key=00
${peer}endpoint=192.0.2.9
${peer}endpoint=192.0.2.9:65536
${peer}endpoint=fd00::1:1
${peer}endpoint=example.com:1
${peer}persistent_keepalive_interval=65536
${peer}persistent_keepalive_interval=1s
${peer}allowed_ip=10.0.0.1
${peer}allowed_ip=10.0.0.1/33
${peer}allowed_ip=fd00::/129
${peer}replace_allowed_ips=no
${peer}remove=no
${peer}update_only=1
${peer}protocol_version=2
${peer}listen_port=1
${peer}remove=true
public_key=${key:1}b\nupdate_only=true\nallowed_ip=10.9.0.0/16
REQUESTS
for request in "get=1\nx\n\n" "get=2\n\n" "\n" "GET / HTTP/1.1\r\n\r\n"; do
  check "errno: ${request:0:20}" equal "$(raw "$cwo" "$request")" "$(raw "$cwt" "$request")"
done
check "errno: nothing was changed" equal "$(peers_of "$cwo")" "$their_public"
check "a key of zeros is refused" equal "$(raw "$cwo" "set=1\npublic_key=$zeros\n\n")" errno=-22
ip netns exec "$ours" socat -u UDP4-LISTEN:51009 OPEN:/dev/null &
ip netns exec "$theirs" socat -u UDP4-LISTEN:51009 OPEN:/dev/null &
bound() { in_ours ss -Huln | grep -q :51009 && in_theirs ss -Huln | grep -q :51009; }
until_true 5 bound
busy() { "$1" listen-port 51009 2>&1 && echo "exit 0" || echo "exit $?"; }
check "a port that is taken: the same words and exit code" equal "$(busy wg_ours)" "$(busy wg_theirs)"
check "… and the old one serves on" equal "$(wg show "$cwo" listen-port)" 51001
wg_theirs listen-port 51002
check "… with the session" ping_theirs

# ── starting and ending ─────────────────────────────────────────────────────────────────────────
another=cwx$$
second=$(in_ours "$program" "$cwo" 2>&1 && echo "exit 0" || echo "exit $?")
check "a second one of the same name: one line" equal "$(wc -l <<<"$second")" 2
check "… and exit code 1" equal "${second##*$'\n'}" "exit 1"
in_ours "$program" "$another"
check "without a private key: it answers" in_ours wg show "$another"
kill -KILL "$(our_pids "$another")"
check "killed: its interface goes" until_true 5 fails in_ours ip link show "$another"
check "killed: it leaves a socket that the next one replaces" test -S "$sockets/$another.sock"
check "started again" in_ours "$program" "$another"
kill -TERM "$(our_pids "$another")"
check "SIGTERM: nothing is left" until_true 5 gone "$another"
in_ours "$program" "$another"
in_ours ip link delete "$another"
check "interface deleted: nothing is left" until_true 5 gone "$another"
in_ours "$program" "$another"
rm "$sockets/$another.sock"
check "socket removed: nothing is left" until_true 5 gone "$another"
ip netns exec "$ours" "$program" -f "$another" >"$work/foreground.log" 2>&1 &
foreground=$!
check "-f: it answers" until_true 5 serves "$another"
kill -INT "$(our_pids "$another")"
check "-f: SIGINT ends it" wait "$foreground"
check "a library that is not there: refused" fails env CULVERT_AEAD=none ip netns exec "$ours" "$program" "$another"
for library in sodium libcrypto; do
  check "$library: it starts" env CULVERT_AEAD=$library ip netns exec "$ours" "$program" "$another"
  kill -TERM "$(our_pids "$another")"
  until_true 5 gone "$another"
done

# ── throughput ──────────────────────────────────────────────────────────────────────────────────
port=5200
listening() { [[ -n $(in_theirs ss -Hlnt "sport = :$port") ]]; }
# Each run has its own server: a server that has just served may not accept the next run yet.
iperf() {
  port=$((port + 1))
  in_theirs iperf3 -s -1 -p "$port" >/dev/null &
  until_true 10 listening || return 1
  in_ours iperf3 -c 10.77.0.2 -p "$port" "$@" >"$work/iperf.log" || return 1
  awk '/receiver/ {print "      " $7 " " $8}' "$work/iperf.log" >&3
}
exec 3>&1
check "iperf3, from us" iperf -t 4
check "iperf3, from them" iperf -t 4 -R
check "iperf3, UDP in small datagrams" iperf -t 4 -u -b 50M -l 200

# ── the rekey ───────────────────────────────────────────────────────────────────────────────────
check "rekey: the ping ended well" wait "$rekey_ping"
check "rekey: not a packet lost" grep -q ' 0% packet loss' "$work/rekey.log"
check "rekey: there was one" test "$(wg show "$cwro" latest-handshakes | awk '{print $2}')" -gt "$rekey_before"

# ── a network that loses 5 % ────────────────────────────────────────────────────────────────────
lose_packets
fresh_peers endpoint 192.0.2.2:51002
check "5 % loss: a session" in_ours ping -n -q -i 0.2 -c 1 -w 30 10.77.0.2
check "5 % loss: iperf3, 5 MB from us" iperf -n 5M
check "5 % loss: iperf3, 5 MB from them" iperf -n 5M -R

exit "$failed"
