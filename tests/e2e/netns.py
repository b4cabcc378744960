"""Machines of their own: three network namespaces, of which the tests of this folder tell their stories.

   cluster 10.91.1.2 ──┐                  ┌── laptop 10.91.2.2
                       │  hub: 10.91.x.1  │
                       └──────────────────┘
                          10.91.3.1 and what else a test gives it

Their names are this process's alone: they stand in a mount namespace of its own and go with it, so
that two tests do not meet and a killed one leaves nothing behind.
"""
import ctypes
import os
import subprocess

from mesh import Place

HUB = "hub"
HUB_ADDRESS = "10.91.3.1"
NETS = {"cluster": "10.91.1", "laptop": "10.91.2"}

# A firewall that lets nothing new in from outside.
GUARD = """table inet guard {
  chain input {
    type filter hook input priority 0; policy accept;
    ct state established,related accept
    iifname "up0" drop
  }
}"""
# On the hub: whatever goes on to the other side comes from the hub.
MASQUERADE = """table ip nat {
  chain out { type nat hook postrouting priority 100;
    oifname != "lo" masquerade
  }
}"""


def ip(*words):
    subprocess.run(["ip", *words], check=True)


def nft(name, rules):
    subprocess.run(["ip", "netns", "exec", name, "nft", "-f", "-"], input=rules.encode(), check=True)


def place(name, *prefix):
    """Where commands run; `prefix` goes between the namespace and them."""
    host = HUB_ADDRESS if name == HUB else "127.0.0.1"
    return Place(name, ["ip", "netns", "exec", name, *prefix], host)


def keep_names_private():
    clone_newns = 0x00020000  # sched.h
    if ctypes.CDLL(None, use_errno=True).unshare(clone_newns) != 0:
        raise OSError(ctypes.get_errno(), "unshare(CLONE_NEWNS)")
    subprocess.run(["mount", "--make-rprivate", "/"], check=True)
    for folder in ("/run/netns", "/etc/netns"):  # the names, and their files (ip-netns(8))
        os.makedirs(folder, exist_ok=True)
        subprocess.run(["mount", "-t", "tmpfs", "none", folder], check=True)


def lay_out(*more_hub_addresses, forward=True):
    keep_names_private()
    for name in [HUB, *NETS]:
        ip("netns", "add", name)
        ip("-n", name, "link", "set", "lo", "up")
    for address in (HUB_ADDRESS, *more_hub_addresses):
        ip("-n", HUB, "addr", "add", address + "/32", "dev", "lo")
    for name, net in NETS.items():
        ip("link", "add", "up0", "netns", name, "type", "veth", "peer", "name", name, "netns", HUB)
        ip("-n", name, "addr", "add", net + ".2/24", "dev", "up0")
        ip("-n", HUB, "addr", "add", net + ".1/24", "dev", name)
        ip("-n", name, "link", "set", "up0", "up")
        ip("-n", HUB, "link", "set", name, "up")
        ip("-n", name, "route", "add", "default", "via", net + ".1")
    if forward:
        subprocess.run(["ip", "netns", "exec", HUB, "sysctl", "-qw", "net.ipv4.ip_forward=1"], check=True)
