#!/usr/bin/env python3
"""Day two with the real programs: roots and policies change while an access goes on; then a node
ends. day_two_test.py BIN-FOLDER, as root.

One machine, loopback: coordinator, relay, the site's agent, a laptop with a grant. Every change
uses the commands of docs/operations/policy.md and roots.md, and is handed in with --publish.
"""
import json
import re
import sys

from mesh import API, DB, Mesh, Place, play_and_count

HERE = Place("here")


class DayTwo:
    def __init__(self, stage, mesh, check):
        self.stage, self.mesh, self.check = stage, mesh, check

    def culvert(self, *words, **options):
        return self.stage.run(HERE, "culvert", *words, **options)

    def signed(self, *words):
        """Runs a command that signs, with --json. Checks that the statement is complete and handed
        in."""
        out = json.loads(self.culvert("--json", *words).splitlines()[-1])
        self.check("%s: complete and handed in" % " ".join(words[:3]), out["complete"] and out["published"], out)

    def refused(self, what, pattern, *words):
        """Runs a command that must fail. Checks the message, and the same message with --json."""
        said = self.culvert(*words, ok=False)
        self.check(what + ": " + said.strip()[:120], re.search(pattern, said), said)
        as_json = json.loads(self.culvert("--json", *words, ok=False).splitlines()[0])
        self.check(what + ": as JSON", as_json["error"] and re.search(pattern, as_json["message"]), as_json)

    def person(self, name, group):
        """Makes a key for a new person, in a folder of the person's own. Returns the key's path."""
        path = self.stage.path(name)
        self.stage.run(HERE, "mkdir", path)
        key = "%s/%s.key" % (path, group)
        self.culvert("key", "new", key, "--bundle", self.stage.path("site/site.bundle"), "--root-hash",
                     self.mesh.root_hash, "--group", group, "--person", name + "@acme.example")
        return key

    def mesh_requests(self, name):
        return json.loads(self.culvert("--json", "--state", self.stage.path(name), "requests"))["requests"]

    def works(self, what):
        self.check(what + ": the access goes on", "hello from the cluster" in self.mesh.curl("https://%s/" % API))


def requests_as_json(day):
    """An approver's commands with --json: requests, show, approve, deny."""
    key = ["--key", day.stage.path("site/approver.key")]
    grant = day.mesh.request(DB, show=False)
    rows = json.loads(day.culvert("--json", "requests", *key))["requests"]
    row = [row for row in rows if row["grant"] == grant][0]
    day.check("requests --key as JSON", row["verified"] and row["requester"] == "alice@vendor.example" and
              row["service"] == DB and row["state"].startswith("PENDING"), row)
    own = [one for one in json.loads(day.mesh.alice("--json", "requests"))["requests"] if one["grant"] == grant][0]
    day.check("a laptop's requests --json have a phase", own["phase"] == "pending", own)
    out = json.loads(day.culvert("--json", "approve", row["hash"], *key))
    day.check("approve as JSON", out["approved"] == grant and out["by"] == "bob@acme.example", out)
    out = json.loads(day.culvert("--json", "deny", grant, *key))
    day.check("deny as JSON", out["denied"] == grant and out["coordinator"], out)


def rotate(day):
    """Two epochs of the root: afterwards the root key is another person's, and the access still
    works."""
    site = ["--dir", day.stage.path("site")]
    bob, frank = day.stage.path("site/root.key"), day.person("frank", "root")
    day.signed("site", "root", "add-key", frank + ".pub", "--key", bob, "--publish")
    day.works("epoch 2, with a second root key")
    early = day.culvert("site", "root", "remove-key", "bob@acme.example", "--group", "root", *site, "--key", frank,
                        "--publish", ok=None)
    day.check("the old key is not taken away before the policy is signed again", "would end the policy" in early, early)
    day.signed("policy", "renew", *site, "--key", frank, "--publish")
    day.works("the policy, signed by the new key")
    day.signed("site", "root", "remove-key", "bob@acme.example", "--group", "root", *site, "--key", frank,
               "--publish", "--new")
    day.works("epoch 3, without the old key")
    day.mesh.grant(DB)
    day.check("a new grant under epoch 3", True)
    return frank


def change_policy(day, frank):
    """A policy with one rule less: grants under that rule end, and other grants go on."""
    site = ["--dir", day.stage.path("site")]
    day.culvert("policy", "edit", *site)
    draft = day.stage.path("site/policy.draft")
    with open(draft) as file:
        lines = [line for line in file if not line.startswith("allow: " + DB)]
    with open(draft, "w") as file:
        file.writelines(lines)
    diff = json.loads(day.culvert("--json", "policy", "diff", *site))
    day.check("diff shows the rule that goes", any(
        one["change"] == "-" and one["text"].startswith("allow: " + DB) for one in diff["changes"]), diff)
    day.culvert("policy", "check", *site)
    day.signed("policy", "sign", draft, *site, "--key", frank, "--publish")
    day.mesh.until_dark(DB)
    day.check("the rule is gone: its access ends", True)
    day.works("the other rule")


def status_of(day, name):
    return json.loads(day.culvert("--json", "--state", day.stage.path(name), "status"))


def expire(day, frank):
    """A policy and then its root expire: the next command tells everybody who looks."""
    site = ["--dir", day.stage.path("site")]
    day.signed("policy", "renew", *site, "--key", frank, "--publish", "--expires", "1s", "--new")
    day.stage.until(20, "the policy is over", lambda: json.loads(
        day.culvert("--json", "policy", "show", *site))["expired"])
    said = "expired.*next: .*culvert policy renew --key FILE --publish"
    for name in ("agent", "laptop"):
        day.stage.until_output(20, HERE, ["culvert", "--state", day.stage.path(name), "status"], "health.*" + said)
        day.check("%s: status says that the policy has expired" % name, True)
    day.culvert("policy", "edit", *site, "--new")
    for what, words in (("policy show", []), ("policy check", [day.stage.path("site/site-policy.note")])):
        if words:
            shown = json.loads(day.culvert("--json", "policy", "show", *site))
            day.stage.write("site/site-policy.note", shown["text"])
        out = day.culvert(*what.split(), *site, *words)
        day.check(what + " says that the policy has expired", re.search(said, out), out)
    out = day.stage.run(HERE, "culvert-coordinator", "--json", "status", "--state", day.stage.path("coordinator"))
    day.check("culvert-coordinator --json status too", any(
        re.search(said, one) for one in json.loads(out)["warnings"]), out)
    day.signed("policy", "renew", *site, "--key", frank, "--publish", "--new")
    day.stage.until(20, "renewed: all is well", lambda: "all is well" in day.culvert(
        "--state", day.stage.path("agent"), "status"))
    day.check("renewed: all is well again", True)


def revoke_alone(day):
    """While the coordinator is down a revocation goes into a file, and is handed in later."""
    grant = [row for row in day.mesh_requests("agent") if row["state"] == "ACTIVE" and row["service"] == API][0]
    text, out = day.stage.write("grant.txt", grant["note"]), day.stage.path("end.note")
    key = day.stage.path("site/approver.key")
    day.stage.end("coordinator")
    said = day.culvert("revoke", grant["grant"], "--key", key, ok=False)
    day.check("without the coordinator: both flags, and where the text comes from", re.search(
        "nothing was revoked.*--note FILE --out .*--json requests", said), said)
    said = day.culvert("revoke", grant["grant"], "--key", key, "--note", text, "--out", out)
    day.check("with them: how it is handed in later", "next: culvert publish %s --key %s" % (out, key) in said, said)
    day.mesh.start_coordinator()
    for name in ("agent", "laptop"):
        day.stage.until(60, name + " is back", lambda name=name: status_of(day, name)["coordinator_connected"])
    said = day.culvert("site", "status", "--key", key)
    day.check("site status: the coordinator is behind", re.search(
        "behind: the coordinator lacks the revocation of grant %s(.|\n)*next: culvert publish" % grant["grant"], said),
              said)
    day.culvert("publish", out, "--key", key)
    day.mesh.until_dark(API)
    lacks = json.loads(day.culvert("--json", "site", "status", "--key", key))["coordinator_lacks"]
    day.check("handed in: it is not behind any more", lacks == [], lacks)
    day.refused("a second revoke", "already revoked", "revoke", grant["grant"], "--key", key)
    day.mesh.grant()


def end_token(day):
    """A revoked token ends its node, which reports its end. With a new token the same node works
    again."""
    day.signed("site", "revoke-token", day.stage.path("site/agent.token"), "--key",
               day.stage.path("site/enrolment.key"), "--publish", "--reason", "leaked")
    day.mesh.until_dark(API)
    day.stage.until(20, "the node knows", lambda: status_of(day, "agent")["revoked"])
    out = day.culvert("--state", day.stage.path("agent"), "status")
    day.check("status: the token was revoked, why, and what is next", re.search(
        r"token that enrolled this node was revoked \(leaked, 20.*next: .*culvert site token --name acme-agent", out) and
        "the token is checked" not in out, out)
    day.check("and so does its log", "was revoked (leaked" in day.stage.log("agent"))
    day.stage.end("agent")
    day.culvert("site", "token", "--dir", day.stage.path("site"), "--name", "acme-agent")
    day.mesh.start_agent()
    day.stage.until(20, "admitted again", lambda: status_of(day, "agent")["admitted"])
    day.check("with a new token the node is admitted again", not status_of(day, "agent")["revoked"])
    day.mesh.grant()


def end_node(day):
    approver = ["--key", day.stage.path("site/approver.key"), "--publish"]
    day.refused("revoke-node of an identity that nobody has", "no node of the site has.*acme-agent.*--unknown",
                "site", "revoke-node", "ed25519:" + 64 * "2", *approver)
    day.signed("site", "revoke-node", "acme-agent", "--key", day.stage.path("site/approver.key"), "--publish",
               "--reason", "copied")
    day.mesh.until_dark(API)
    day.check("the node has ended: all is dark", True)
    day.stage.until(20, "the node knows", lambda: status_of(day, "agent")["revoked"])
    out = day.culvert("--state", day.stage.path("agent"), "status")
    day.check("its status says that it was revoked", re.search(
        r"this node was revoked \(copied, 20.*needs a new token(.|\n)*admitted +no: revoked", out), out)
    day.culvert("site", "token", "--dir", day.stage.path("site"), "--name", "acme-agent")
    day.stage.end("agent")
    day.mesh.extra["agent"] = {"allow_private_relays": False}
    day.mesh.start_agent(agent="agent2")
    day.stage.until(20, "the new node is admitted", lambda: status_of(day, "agent2")["admitted"])
    day.check("a new token and an empty state folder: a new node has its name", True)
    words = ["culvert", "--state", day.stage.path("agent2"), "status"]
    day.stage.until_output(20, HERE, words, "no relay: .*127.0.0.1 is refused.*next: .allow_private_relays")
    out = day.culvert(*words[1:])
    day.check("a relay at a private address: status says what to do", "all is well" not in out and
              "needed once" not in out, out)


def end_token_and_key(day):
    """The coordinator accepts both statements; afterwards the key is of no use."""
    enrolment = ["--key", day.stage.path("site/enrolment.key")]
    for more in ([], ["--publish"]):
        day.refused("revoke-token of no enrolment", "no token of the site.*acme-agent.*--unknown",
                    "site", "revoke-token", "sha256:" + 64 * "0", *enrolment, *more)
    day.signed("site", "revoke-token", day.stage.path("site/agent.token"), "--key",
               day.stage.path("site/enrolment.key"), "--publish", "--reason", "leaked")
    key = day.stage.path("site/approver.key")
    day.refused("the last approver's key", "no approver is left.*1 is needed.*nothing was signed.*--cut",
                "key", "suspend", "--key", key, "--publish")
    out = json.loads(day.culvert("--json", "key", "suspend", "--key", key, "--publish", "--cut").splitlines()[-1])
    day.check("the key is suspended, and the policy stands", out["published"] and not out["policy_ended"], out)
    after = day.culvert("site", "revoke-node", "ed25519:" + 64 * "2", "--key", key, ok=None)
    day.check("it signs nothing any more", "suspended" in after, after)
    day.check("root show marks it", re.search("approvers bob@acme.example .*suspended", day.culvert(
        "site", "root", "show", "--dir", day.stage.path("site"))))
    day.refused("requests with a suspended key", "approver.key.*suspended.*root show", "requests", "--key", key)
    # Frank's folder does not know of the change.
    day.stage.run(HERE, "cp", key, day.stage.path("frank"))
    day.refused("requests with a suspended key, from another folder", "suspended.*root show", "requests", "--key",
                day.stage.path("frank/approver.key"))
    gone = day.stage.path("site/root.key")
    day.refused("requests with a key that the root lists no more", "no root of.*lists that key.*root add-key",
                "requests", "--key", gone)


def read_audit(day):
    """The customer's key needs no --site. Ended rows name their cause; the newest row is first."""
    key = ["--key", day.stage.path("site/enrolment.key")]
    entries = json.loads(day.culvert("--json", "audit", *key))["entries"]
    times = [one["at"] for one in entries]
    day.check("audit: newest first", times == sorted(times, reverse=True), times)
    ended = [one["detail"] for one in entries if one["kind"] == "revocation"]
    for word in ("node ed25519:", "enrolment sha256:"):
        day.check("audit: a revocation says what it ended: " + word, any(word in one for one in ended), ended)
    few = json.loads(day.culvert("--json", "audit", *key, "--limit", "3"))["entries"]
    day.check("audit --limit 3: three entries, the newest", few == entries[:3], few)


def end_laptop(day):
    """Unknown names are refused; a person's laptop is ended only where its admission verifies."""
    key = ["--key", day.stage.path("vendor/admission.key")]
    alice = day.mesh.status()["identity"]
    listed = json.loads(day.culvert("--json", "device", "list", *key))["devices"]
    day.check("device list as JSON", [(d["identity"], d["admitted"], d["person"]) for d in listed] ==
              [(alice, True, "alice@vendor.example")], listed)
    day.check("device renew as JSON", json.loads(day.culvert("--json", "device", "renew", *key)) ==
              {"renewed": [], "left": []})
    day.refused("device revoke of a person's name with a typo", "no device of alic@.*alice@vendor.example.*--unknown",
                "device", "revoke", *key, "--person", "alic@vendor.example")
    day.refused("device revoke of an identity that nobody has", "no device has the identity.*alice-laptop.*--unknown",
                "device", "revoke", *key, "--device", "ed25519:" + 64 * "2")
    out = json.loads(day.culvert("--json", "device", "revoke", *key, "--person", "bob@vendor.example", "--unknown"))
    day.check("--unknown ends a person without devices: nothing is signed", out["revoked"] == [], out)
    out = json.loads(day.culvert("--json", "device", "revoke", *key, "--person", "alice@vendor.example", "--reason",
                                 "stolen"))
    day.check("her laptop is revoked", out["revoked"] == [alice], out)
    day.stage.until(20, "the laptop knows", lambda: day.mesh.status()["revoked"])
    out = day.mesh.alice("status")
    day.check("its status says so, and no more that the vendor should list it", re.search(
        r"this laptop was revoked \(stolen, 20.*culvert device token", out) and "device list" not in out, out)


def play(stage, check):
    mesh = Mesh(stage, HERE, HERE, HERE, loopback=True)
    mesh.bring_up()
    day = DayTwo(stage, mesh, check)
    mesh.grant()
    day.works("before")
    requests_as_json(day)
    frank = rotate(day)
    change_policy(day, frank)
    expire(day, frank)
    revoke_alone(day)
    end_token(day)
    end_node(day)
    end_token_and_key(day)
    end_laptop(day)
    read_audit(day)
    shown = json.loads(day.culvert("--json", "policy", "show", "--dir", stage.path("site")))
    check("the folder has the policy in force", shown["serial"] == 5 and shown["vouched"], shown)
    check("its root is epoch 3", re.search("epoch: 3", day.culvert("site", "root", "show", "--dir", stage.path("site"))))


if __name__ == "__main__":
    sys.exit(play_and_count(play))
