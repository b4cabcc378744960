#!/usr/bin/env python3
"""The story with an HTTP proxy as the only way out. proxy_test.py BIN-FOLDER, as root.

From the cluster and the laptop (netns.py) only TCP to the proxy gets out: the hub does not forward.
The hub runs the coordinator and the relay, and tinyproxy (Basic authentication) on 10.91.4.1:3128
"""
import base64
import os
import re
import subprocess
import sys

from mesh import API, Mesh, free_port, play_and_count
from netns import HUB, HUB_ADDRESS, NETS, lay_out, nft, place

PROXY = "10.91.4.1:3128"
USER, PASSWORD = "site", "pa-ss.word"  # characters that tinyproxy accepts; encoded anyway
URL = "http://%s:%s@%s" % (USER, "pa%2Dss%2eword", PROXY)


def shut_off():
    """Only TCP to the proxy gets out of the cluster and the laptop."""
    host, port = PROXY.split(":")
    for name, net in NETS.items():
        nft(HUB, """table inet only_%s {
          chain input {
            type filter hook input priority 0; policy accept;
            iifname "%s" ip daddr %s tcp dport %s accept
            iifname "%s" ip saddr %s.0/24 drop
          }
        }""" % (name, name, host, port, name, net))


def start_proxy(stage, hub, ports):
    config = """
Port 3128
Listen 10.91.4.1
Timeout 600
MaxClients 100
LogLevel Connect
BasicAuth %s %s
%s
""" % (USER, PASSWORD, "\n".join("ConnectPort %d" % port for port in ports))
    stage.start("tinyproxy", hub, "tinyproxy", "-d", "-c", stage.write("tinyproxy.conf", config),
                show=False)
    stage.until(10, "the proxy listens", lambda: PROXY in stage.run(hub, "ss", "-Hnlt"))


def by_proxy(name, url):
    """A place with the proxy in the environment of its programs."""
    return place(name, "env", "HTTPS_PROXY=" + url)


def play(stage, check):
    lay_out(PROXY.split(":", maxsplit=1)[0], forward=False)
    shut_off()
    hub = place(HUB)
    # The laptop's environment is wrong; the configuration has priority.
    mesh = Mesh(stage, hub, by_proxy("cluster", URL), by_proxy("laptop", "http://127.0.0.1:9"),
                loopback=False)
    metrics = {"coordinator": free_port(), "relay": free_port()}
    for program, port in metrics.items():
        mesh.extra[program] = {"metrics": "127.0.0.1:%d" % port}
    mesh.extra["laptop"] = {"https_proxy": URL}

    def metric(program, name):
        out = stage.run(hub, "curl", "-sS", "http://127.0.0.1:%d/metrics" % metrics[program])
        return int(re.search(r"^%s (\d+)" % name, out, re.MULTILINE).group(1))

    start_proxy(stage, hub, [mesh.control_port, mesh.relay_port])
    mesh.bring_up()
    mesh.grant(show=True)  # the customer's approver also uses the proxy
    check("through the proxy alone: curl reaches the API",
          "hello from the cluster" in mesh.curl("https://%s/" % API))
    peers = mesh.status()["peers"]
    check("by the relay", peers and all(peer["path"] == "relay" for peer in peers), peers)
    check_only_the_proxy(stage, mesh, check)
    check_refusals(stage, check)
    check_no_secret(stage, mesh, check)
    check_vanished(stage, mesh, metric, check)


def check_only_the_proxy(stage, mesh, check):
    for place, name in ((mesh.cluster, "agent"), (mesh.laptop, "laptop")):
        pid = dict(stage.processes)[name].pid
        lines = [line for line in stage.run(place, "ss", "-Hntp", "state", "established").splitlines()
                 if "pid=%d," % pid in line]
        remote = [line.split()[3] for line in lines]
        check("%s: its connections lead to the proxy" % name, PROXY in remote and all(
            address == PROXY or address.startswith("127.0.0.1:") for address in remote), lines)


def check_refusals(stage, check):
    """Runs one command for each case, all at the same time: each tries until its patience ends."""
    words = ["culvert", "requests", "--key", stage.path("site/approver.key")]
    elsewhere = ["--coordinator", "https://%s:%d" % (HUB_ADDRESS, 4)]
    cases = {
        "no-password": ("http://" + PROXY, [], "wants a name and a password"),
        "wrong-password": ("http://site:wrong@" + PROXY, [], "refuses the name or the password"),
        "forbidden-port": (URL, elsewhere, "does not allow a connection to"),
        "no-proxy-there": ("http://10.91.4.1:3129", [], "the proxy of HTTPS_PROXY: connect to 10.91.4.1"),
        "no-proxy-at-all": ("", [], "the coordinator does not answer"),
    }
    for name, (url, more, _) in cases.items():
        stage.start(name, by_proxy("cluster", url), *words, *more, show=False)
    for name, (_, _, says) in cases.items():
        stage.release(name).wait(60)
        lines = stage.log(name).strip().splitlines()
        check("%s: %s" % (name, lines[-1]), len(lines) == 1 and says in lines[0], lines)
    out = stage.run(by_proxy("cluster", "socks5://x:wrong@" + PROXY), *words, ok=False)
    check("a SOCKS proxy is refused: " + out.strip(), "SOCKS" in out and "wrong" not in out, out)


def check_no_secret(stage, mesh, check):
    shown = [mesh.alice("--json", "status"), mesh.alice("status")]
    shown += [stage.log(name[:-4]) for name in os.listdir(stage.work)
              if name.endswith(".log") and name != "tinyproxy.log"]
    text = "\n".join(shown)
    encoded = base64.b64encode(("%s:%s" % (USER, PASSWORD)).encode()).decode()
    check("the password is in no log and in no status",
          not any(word in text for word in (PASSWORD, "pa%2Dss", "wrong@", encoded)))
    check("the log names the proxy", "proxy=" in text and PROXY in text, text[-2000:])


def check_vanished(stage, mesh, metric, check):
    """The laptop's packets are lost: no FIN arrives."""
    nodes = metric("coordinator", "culvert_coordinator_nodes")
    silent = metric("relay", "culvert_relay_silent_total")
    nft(HUB, """table inet gone {
      chain input {
        type filter hook input priority -10; policy accept;
        iifname "laptop" drop
      }
    }""")
    stage.until(40, "the coordinator notices",
                lambda: metric("coordinator", "culvert_coordinator_nodes") == nodes - 1)
    stage.until(40, "the relay notices",
                lambda: metric("relay", "culvert_relay_silent_total") == silent + 1)
    stage.until(40, "the laptop notices", lambda: not mesh.status()["coordinator_connected"]
                and not mesh.status()["relay_connected"])
    check("a laptop that vanished is noticed by the coordinator, the relay and itself", True)
    nft(HUB, "delete table inet gone\n")
    mesh.until_usable(seconds=60)
    stage.until(30, "curl works again", lambda: "hello" in mesh.curl("https://%s/" % API, ok=None))
    check("back: it has reconnected by itself", True)


if __name__ == "__main__":
    sys.exit(play_and_count(play))
