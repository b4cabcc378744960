#!/usr/bin/env python3
"""The story in three network namespaces with the real binaries. netns_test.py BIN-FOLDER [STACK], as root.

The cluster and the laptop (netns.py) drop every new inbound packet. The hub routes between them,
and runs the coordinator and the relay.
"""
import json
import os
import subprocess
import sys
import time

from mesh import API, DB, SITE, Mesh, free_port, play_and_count, stop
from netns import GUARD, HUB, HUB_ADDRESS, NETS, lay_out, nft, place


def sockets_of(stage, place, process, *flags):
    """The lines of ss of this process; `ip netns exec` keeps the process id."""
    out = stage.run(place, "ss", "-Hnp", *flags)
    return [line for line in out.splitlines() if "pid=%d," % process.pid in line]


def play(stage, check):
    lay_out()
    for name in NETS:
        nft(name, GUARD)
    hub, cluster, laptop = place(HUB), place("cluster"), place("laptop")
    mesh = Mesh(stage, hub, cluster, laptop, loopback=False)
    if len(sys.argv) > 2:
        mesh.extra = {"agent": {"stack": sys.argv[2]}, "laptop": {"stack": sys.argv[2]}}
    mesh.bring_up()
    if len(sys.argv) > 2:
        check("the stack is " + sys.argv[2], mesh.status()["stack"] == sys.argv[2])
    agent = dict(stage.processes)["agent"]

    check_dark(stage, mesh, check)
    check_outbound_only(stage, cluster, agent, check)
    grant = mesh.grant(show=True)
    check("approved: curl reaches the API by TLS under its own name",
          "hello from the cluster" in mesh.curl("https://%s/" % API))
    check_ways_in(stage, mesh, laptop, check)
    stage.until(20, "the path is direct", lambda: any(
        peer["path"] == "direct" for peer in mesh.status()["peers"]))
    check("the path became direct through two stateful firewalls", True)
    check("bytes still flow", "hello" in mesh.curl("https://%s/" % API))
    check("the other service of the site stays dark",
          "hello" not in mesh.curl("telnet://%s:5432" % DB, ok=False))
    check_outbound_only(stage, cluster, agent, check)
    check_revocation(stage, mesh, grant, check)
    check_lease(stage, mesh, check)
    check_restarts(stage, mesh, check)
    check_second_publisher(stage, mesh, check)
    check_audit(stage, mesh, hub, grant, check)


def check_dark(stage, mesh, check):
    check("nothing is shown before a grant",
          json.loads(mesh.alice("--json", "services"))["services"] == [])
    answers = []
    for name in (API, "nothing." + SITE):
        out = mesh.curl("https://%s/" % name, ok=False)
        answers.append((stage.last_code, out.replace(name, "NAME")))
    check("an ungranted and a non-existent service look the same", answers[0] == answers[1], answers)
    out = mesh.alice("ping", API, ok=False)
    other = mesh.alice("ping", "nothing." + SITE, ok=False)
    check("ping tells them apart neither", out.replace(API, "") == other.replace("nothing." + SITE, ""),
          (out, other))


def check_outbound_only(stage, cluster, agent, check):
    check("the agent listens on no TCP socket", not sockets_of(stage, cluster, agent, "-lt"),
          stage.run(cluster, "ss", "-Hnltp"))
    established = sockets_of(stage, cluster, agent, "-t", "state", "established")
    remote = [line.split()[3] for line in established]
    check("its TCP connections lead to the coordinator, the relay and its upstreams, none came in",
          remote and all(address.startswith((HUB_ADDRESS + ":", "127.0.0.1:")) for address in remote),
          established)


def check_ways_in(stage, mesh, laptop, check):
    ca = stage.write("ca.pem", mesh.alice("ca"))
    proxy = "127.0.0.1:%d" % mesh.proxy_port
    for kind in ("socks5h", "http"):
        check("%s proxy" % kind, "hello" in stage.run(
            laptop, "curl", "-sS", "--max-time", "10", "--proxy", "%s://%s" % (kind, proxy),
            "--cacert", ca, "https://%s/" % API))
    port = free_port()
    mesh.alice("forward", "%d:%s" % (port, API))
    check("forward", "hello" in stage.run(
        laptop, "curl", "-sS", "--max-time", "10", "--cacert", ca, "--connect-to",
        "%s:443:127.0.0.1:%d" % (API, port), "https://%s/" % API))
    check_run_passes_signals_on(stage, laptop, check)
    refused = stage.run(laptop, "setpriv", "--reuid", "nobody", "--regid", "nogroup", "--clear-groups",
                        "curl", "-sS", "--max-time", "10", "--proxy", "socks5h://" + proxy, "-k",
                        "https://%s/" % API, ok=False)
    check("another user of the laptop is refused", "hello" not in refused)


def check_run_passes_signals_on(stage, laptop, check):
    stage.start("wrapped", laptop, "culvert", "--state", stage.path("laptop"), "run", "--", "sh", "-c",
                "echo $$ >command.pid; exec sleep 600", show=False)
    pid = stage.until(10, "the command runs", lambda: os.path.exists(stage.path("command.pid")) and
                      open(stage.path("command.pid")).read().strip())
    wrapped = stage.release("wrapped")
    stop(wrapped)
    left = [name for name in os.listdir(stage.path("laptop")) if name.startswith("run-")]
    check("SIGTERM to `culvert run` ends the command too, and nothing stays",
          wrapped.returncode == 128 + 15 and not os.path.exists("/proc/" + pid) and not left,
          (wrapped.returncode, left))


def check_revocation(stage, mesh, grant, check):
    download = stage.start("download", mesh.laptop, "culvert", "--state", stage.path("laptop"), "run",
                           "--", "curl", "-sS", "-o", os.devnull, "https://%s/slow" % API, show=False)
    stage.until(10, "bytes flow", lambda: any(
        peer["bytes_in"] > 300_000 for peer in mesh.status()["peers"]))
    stage.release("download")
    stage.run(mesh.cluster, "culvert", "revoke", grant, "--key", stage.path("site/approver.key"))
    started = time.monotonic()
    try:
        download.wait(15)
    except subprocess.TimeoutExpired:
        stop(download)
    took = time.monotonic() - started
    check("revoked in mid-download: the connection was cut (%.1f s after)" % took,
          download.returncode not in (0, -15), download.returncode)
    mesh.until_dark()
    check("dark again", mesh.curl("https://%s/" % API, ok=False) is not None)


def check_lease(stage, mesh, check):
    mesh.grant(DB)
    held = stage.start("held", mesh.laptop, "culvert", "--state", stage.path("laptop"), "run", "--",
                       "curl", "-sS", "telnet://%s:5432" % DB, show=False)
    stage.until(10, "the session is open", lambda: "flow-open" in "".join(
        l for l in stage.run(mesh.cluster, "culvert", "--state", stage.path("agent"), "audit")
        .splitlines() if DB in l))
    stage.end("coordinator")
    started = time.monotonic()
    stage.release("held")
    try:
        held.wait(40)
    except subprocess.TimeoutExpired:
        stop(held)
    took = time.monotonic() - started
    check("the coordinator stopped: the open session ended when its lease lapsed (%.1f s)" % took,
          held.returncode != -15)
    mesh.start_coordinator()
    mesh.until_usable(DB, 20)
    check("the coordinator is back: everything reconnected by itself", True)


def check_restarts(stage, mesh, check):
    stage.end("agent")
    mesh.start_agent(token=None)
    mesh.until_usable(DB, 30)
    stage.end("laptop")
    mesh.start_laptop(token=False)
    mesh.until_usable(DB, 30)
    stage.end("relay")
    mesh.start_relay()
    forward = free_port()
    mesh.alice("forward", "%d:%s" % (forward, DB))
    stage.until(20, "the database answers after restarts", lambda: "rows" in stage.run(
        mesh.laptop, "curl", "-sS", "--max-time", "5", "http://127.0.0.1:%d/" % forward, ok=None))
    check("agent, laptop and relay were restarted; the grant still works", True)


def check_second_publisher(stage, mesh, check):
    """Two agents of one site publish the same service; the test kills the agent that is in use."""
    stage.run(mesh.cluster, "culvert", "site", "token", "--dir", stage.path("site"), "--name",
              "second", "--replaces", "none", "--out", stage.path("second.token"))
    mesh.start_agent(token="second.token", agent="second")
    publisher = lambda: json.loads(mesh.alice("--json", "services"))["services"][0]["publisher"]
    grants = lambda agent: stage.run(mesh.cluster, "culvert", "--state", stage.path(agent), "audit")
    stage.until(15, "the second agent has the grant", lambda: "grant-active" in grants("second"))
    first = publisher()
    used = "agent" if first == "acme-agent" else "second"
    killed = stage.release(used)
    killed.kill()
    killed.wait()
    forward = free_port()
    mesh.alice("forward", "%d:%s" % (forward, DB))
    stage.until(40, "the database answers by the other agent", lambda: "rows" in stage.run(
        mesh.laptop, "curl", "-sS", "--max-time", "3", "http://127.0.0.1:%d/" % forward, ok=None))
    check("the agent in use was killed: the service is reached by the site's other agent",
          publisher() != first, publisher())
    mesh.start_agent(token=None, agent=used)


def check_audit(stage, mesh, hub, grant, check):
    mine = stage.run(mesh.cluster, "culvert", "--state", stage.path("agent"), "audit")
    theirs = stage.run(hub, "culvert-coordinator", "audit", "--state", stage.path("coordinator"))
    for what in ("grant-active", "flow-open", "flow-close", "grant-ended", "lease-lapsed"):
        check("the customer's audit log has " + what, what in mine, mine)
    for what in ("request", "approval", "revocation", "node-admitted"):
        check("the coordinator's audit log has " + what, what in theirs, theirs)
    check("both name the grant", grant in mine and grant in theirs)


if __name__ == "__main__":
    sys.exit(play_and_count(play))
