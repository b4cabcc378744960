#!/usr/bin/python3
"""A lying coordinator with real agents: liar_test.py BIN. It has the real coordinator's keys."""
import os
import sys
import threading

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "e2e"))
from mesh import *  # noqa: E402


class Canary:
    """A service inside the network that no agent may be led to: it counts its visitors."""

    def __init__(self):
        self.count = 0
        self.socket = socket.create_server(("::", 0), family=socket.AF_INET6, dualstack_ipv6=True)
        self.port = self.socket.getsockname()[1]
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            connection, _ = self.socket.accept()
            self.count += 1
            connection.close()


def old_copy(stage, mesh, check, grant):
    """A coordinator that replays: its store is restored from a copy from before a revocation."""
    key = ["--key", stage.path("site/approver.key")]
    store = stage.path("coordinator/coordinator.db")
    stage.end("coordinator")
    shutil.copy(store, stage.path("old.db"))
    mesh.start_coordinator()
    stage.until(30, "the laptop is back", lambda: mesh.status()["coordinator_connected"])
    stage.run(mesh.operator, "culvert", "revoke", grant, *key)
    mesh.until_dark(API)
    stage.end("coordinator")
    for suffix in ("", "-wal", "-shm"):
        if os.path.exists(store + suffix):
            os.unlink(store + suffix)
    shutil.copy(stage.path("old.db"), store)
    mesh.start_coordinator()
    stage.run(mesh.cluster, "culvert", "site", "token", "--dir", stage.path("site"), "--name",
              "acme-agent2", "--replaces", "none", "--out", stage.path("agent2.token"))
    mesh.start_agent(token="agent2.token", agent="agent2")  # a new agent, which knows no revocation
    stage.until(30, "the nodes have handed the revocation in", lambda: grant not in stage.run(
        mesh.operator, "culvert", "requests", *key))
    check("restored from an old copy the coordinator gets the revocation back", True)
    stage.until(15, "the site's agent raises an alarm for the new one", lambda:
                "new node acme-agent2" in stage.log("agent"))
    check("access that was revoked stays dark", "hello" not in mesh.curl("https://%s/" % API, ok=None))
    stage.end("agent2")
    stage.until(30, "the laptop is back", lambda: mesh.status()["coordinator_connected"])


def named_relay(stage, mesh, check, start):
    """The site's policy names the honest relay: no agent connects to the liar's relays, private or
    not."""
    line = stage.run(mesh.operator, "culvert-relay", "describe", "--policy-line", "--config",
                     stage.path("relay.json")).splitlines()[-1]
    site = ["--dir", stage.path("site")]
    stage.run(mesh.cluster, "culvert", "policy", "edit", *site)
    draft = stage.path("site/policy.draft")
    with open(draft) as file:
        text = file.read()
    with open(draft, "w") as file:
        file.write(text.replace("service: ", line + "\nservice: ", 1))
    stage.run(mesh.cluster, "culvert", "policy", "sign", draft, *site, "--key", site[1] + "/root.key")
    os.makedirs(stage.path("documents"))
    shutil.copy(draft, stage.path("documents/policy.note"))
    stage.end("laptop")
    stage.end("agent")
    stage.end("liar-again")
    untouched = Canary()
    start("liar-of-relays", untouched.port)
    mesh.agent_words = ("--documents", stage.path("documents"))
    mesh.start_agent(token=None)
    stage.until(60, "the agent refuses the liar's relays",
                lambda: "no relay may be used" in stage.log("agent"))
    stage.until(30, "it is connected to the liar", lambda: json.loads(stage.run(
        mesh.cluster, "culvert", "--state", stage.path("agent"), "--json", "status"))["coordinator_connected"])
    check("an agent opens no relay that its site's policy does not name", untouched.count == 0)


def play(stage, check):
    here = Place("here")
    mesh = Mesh(stage, here, here, here, loopback=True, lease="30s")
    mesh.bring_up()
    grant = mesh.grant(API)
    check("access by way of the honest coordinator", "hello" in mesh.curl("https://%s/" % API))
    old_copy(stage, mesh, check, grant)
    grant = mesh.grant(API)

    stage.end("coordinator")
    stage.end("laptop")
    stage.end("agent")  # this agent may connect inside: the mesh of the tests is on one machine
    canary, allowed = Canary(), Canary()
    stage.env.update(CULVERT_VENDOR_ID=mesh.vendor_hash, CULVERT_SITE=SITE)
    program = os.path.join(os.path.abspath(sys.argv[1]), "culvert_liar")
    names = ["127.0.0.1", "localhost", "::1", "::ffff:127.0.0.1", "0.0.0.0"]
    start = lambda name, port: stage.start(
        name, here, program, stage.path("coordinator"), "127.0.0.1:%d" % mesh.control_port,
        *("%s:%d" % (host, port) for host in names))
    start("liar", canary.port)
    mesh.extra["laptop"] = {"allow_private_relays": False}
    mesh.start_laptop(token=False)
    stage.until(60, "the laptop refuses the relays",
                lambda: "allow_private_relays" in stage.log("laptop"))
    check("no relay of the list leads inside", canary.count == 0)

    # The same liar where private relays are allowed leads the agent there, so the check above is
    # real.
    stage.end("laptop")
    stage.end("liar")
    start("liar-again", allowed.port)
    mesh.extra["laptop"] = {}
    mesh.start_agent(token=None)
    mesh.start_laptop(token=False)
    stage.until(60, "the laptop goes where it may", lambda: allowed.count > 0)
    check("where the configuration allows it, it does", True)

    # The liar takes a revocation, confirms it, and tells no node.
    stage.run(here, "culvert", "revoke", grant, "--key", stage.path("site/approver.key"), ok=None)
    stage.until(60, "the liar has it", lambda: "took" in stage.log("liar-again"))
    stage.run(here, "culvert", "--state", stage.path("agent"), "deny", grant)
    stage.until(15, "denied at the site's own agent, it is dark", lambda: "hello" not in mesh.curl(
        "https://%s/" % API, ok=None))
    check("a withheld revocation is no help against the site's own denial", True)
    named_relay(stage, mesh, check, start)


if __name__ == "__main__":
    sys.exit(play_and_count(play))
