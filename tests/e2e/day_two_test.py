#!/usr/bin/env python3
"""Day two on the real programs: roots and policies change while an access goes on; then a node ends.
day_two_test.py BIN-FOLDER, as root.

One machine, loopback: coordinator, relay, the site's agent, a laptop with a grant. Every change is
made by the commands of docs/operations/policy.md and roots.md, and handed in with --publish.
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
        """A command that signs with --json: complete, and handed in."""
        out = json.loads(self.culvert("--json", *words).splitlines()[-1])
        self.check("%s: complete and handed in" % " ".join(words[:3]), out["complete"] and out["published"], out)

    def refused(self, what, pattern, *words):
        """A command that must fail: its message, and with --json the same as an object."""
        said = self.culvert(*words, ok=False)
        self.check(what + ": " + said.strip()[:120], re.search(pattern, said), said)
        as_json = json.loads(self.culvert("--json", *words, ok=False).splitlines()[0])
        self.check(what + ": as JSON", as_json["error"] and re.search(pattern, as_json["message"]), as_json)

    def person(self, name, group):
        """A key of that person in a folder of their own; the file with its public line."""
        path = self.stage.path(name)
        self.stage.run(HERE, "mkdir", path)
        key = "%s/%s.key" % (path, group)
        self.culvert("key", "new", key, "--bundle", self.stage.path("site/site.bundle"), "--root-hash",
                     self.mesh.root_hash, "--group", group, "--person", name + "@acme.example")
        return key

    def works(self, what):
        self.check(what + ": the access goes on", "hello from the cluster" in self.mesh.curl("https://%s/" % API))


def requests_as_json(day):
    """An approver's commands with --json: what is read, what is approved, what is denied."""
    key = ["--key", day.stage.path("site/approver.key")]
    grant = day.mesh.request(DB, show=False)
    rows = json.loads(day.culvert("--json", "requests", *key))["requests"]
    row = [row for row in rows if row["grant"] == grant][0]
    day.check("requests --key as JSON", row["verified"] and row["requester"] == "alice@vendor.example" and
              row["service"] == DB and row["state"].startswith("PENDING"), row)
    out = json.loads(day.culvert("--json", "approve", row["hash"], *key))
    day.check("approve as JSON", out["approved"] == grant and out["by"] == "bob@acme.example", out)
    out = json.loads(day.culvert("--json", "deny", grant, *key))
    day.check("deny as JSON", out["denied"] == grant and out["coordinator"], out)


def rotate(day):
    """Two epochs: the root key is another person's afterwards, and nothing has stopped."""
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
    """A rule less: what rests on it ends, and what does not goes on."""
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


def end_node(day):
    approver = ["--key", day.stage.path("site/approver.key"), "--publish"]
    day.refused("revoke-node of an identity that nobody has", "no node of the site has.*acme-agent.*--unknown",
                "site", "revoke-node", "ed25519:" + 64 * "2", *approver)
    day.signed("site", "revoke-node", "acme-agent", "--key", day.stage.path("site/approver.key"), "--publish",
               "--reason", "copied")
    day.mesh.until_dark(API)
    day.check("the node has ended: all is dark", True)


def end_token_and_key(day):
    """The coordinator takes both; the key is of no use afterwards."""
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
    day.stage.run(HERE, "cp", key, day.stage.path("frank"))  # whose folder has not heard of it
    day.refused("requests with a suspended key, from another folder", "suspended.*root show", "requests", "--key",
                day.stage.path("frank/approver.key"))
    gone = day.stage.path("site/root.key")
    day.refused("requests with a key that the root lists no more", "no root of.*lists that key.*root add-key",
                "requests", "--key", gone)


def end_laptop(day):
    """Names that nobody has are refused; a person's laptop ends only where its admission verifies."""
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


def play(stage, check):
    mesh = Mesh(stage, HERE, HERE, HERE, loopback=True)
    mesh.bring_up()
    day = DayTwo(stage, mesh, check)
    mesh.grant()
    day.works("before")
    requests_as_json(day)
    frank = rotate(day)
    change_policy(day, frank)
    end_node(day)
    end_token_and_key(day)
    end_laptop(day)
    shown = json.loads(day.culvert("--json", "policy", "show", "--dir", stage.path("site")))
    check("the folder has the policy in force", shown["serial"] == 3 and shown["vouched"], shown)
    check("its root is epoch 3", re.search("epoch: 3", day.culvert("site", "root", "show", "--dir", stage.path("site"))))


if __name__ == "__main__":
    sys.exit(play_and_count(play))
