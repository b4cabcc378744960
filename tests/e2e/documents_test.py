#!/usr/bin/env python3
"""What a customer can do without the vendor, with the real programs. documents_test.py BIN-FOLDER.

The coordinator withholds: it never gets the newer policies. The policies reach the site's agent in
a folder of documents; leases come from the customer's own server.
"""
import base64
import hashlib
import json
import os
import re
import subprocess
import sys
import time

from mesh import API, DB, Mesh, Place, free_port, play_and_count

HERE = Place("here")


# --- signing, like the customer's tools: notes are texts with Ed25519 lines ---
def key_of(path):
    with open(path) as file:
        fields = dict(line.rstrip("\n").split(": ", 1) for line in file if ": " in line)
    return fields["person"], bytes.fromhex(fields["secret"])


def openssl(stage, *words, data=b""):
    return subprocess.run(["openssl", *words], input=data, stdout=subprocess.PIPE, check=True,
                          cwd=stage.work).stdout


def signed(stage, text, key_file):
    person, seed = key_of(key_file)
    der = bytes.fromhex("302e020100300506032b657004220420") + seed
    with open(stage.path("signer.der"), "wb") as file:
        file.write(der)
    with open(stage.path("signed.txt"), "wb") as file:
        file.write(text.encode())
    public = openssl(stage, "pkey", "-inform", "DER", "-in", "signer.der", "-pubout", "-outform",
                     "DER")[-32:]
    signature = openssl(stage, "pkeyutl", "-sign", "-rawin", "-keyform", "DER", "-inkey",
                        "signer.der", "-in", "signed.txt")
    key_id = hashlib.sha256(person.encode() + b"\n\x01" + public).digest()[:4]
    line = base64.b64encode(key_id + signature).decode()
    return "%s\n\u2014 %s %s\n" % (text, person, line)


def policy_text(stage, bundle="site/site.bundle"):
    with open(stage.path(bundle)) as file:
        return re.search(r"culvert/policy/v1\n(?:[^\n]+\n)+", file.read()).group(0)


def next_policy(stage, text, edit):
    """The next policy: serial + 1, edited, signed by the site's root."""
    serial = int(re.search(r"^serial: (\d+)$", text, re.M).group(1))
    previous = hashlib.sha256(text.encode()).hexdigest()
    now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    new = re.sub(r"^serial: .*$", "serial: %d" % (serial + 1), text, flags=re.M)
    new = re.sub(r"^previous: .*$", "previous: sha256:" + previous, new, flags=re.M)
    new = re.sub(r"^issued: .*$", "issued: " + now, new, flags=re.M)
    new = edit(new)
    return new, signed(stage, new, stage.path("site/root.key"))


def agent(stage, *words, **options):
    return stage.run(HERE, "culvert", "--state", stage.path("agent"), *words, **options)


def agent_json(stage, command):
    return json.loads(agent(stage, "--json", command))


def serves(stage, service=API):
    return any(row["fqdn"] == service for row in agent_json(stage, "services")["services"])


def hello(mesh):
    return "hello from the cluster" in mesh.curl("https://%s/" % API, ok=None)


# --- a folder of documents ---
def check_documents(stage, mesh, check):
    mesh.grant(API)
    mesh.grant(DB)
    check("with the first policy the service answers", hello(mesh))
    check("and the site serves the database", serves(stage, DB))
    folder = stage.path("documents")
    # Like a ConfigMap that Kubernetes mounts: the file is a link to a link.
    os.makedirs(os.path.join(folder, "..2026"))
    first, note = next_policy(stage, policy_text(stage), lambda text: re.sub(
        r"^allow: db\..*\n", "", text, flags=re.M))
    with open(os.path.join(folder, "..2026", "policy.note"), "w") as file:
        file.write(note)
    os.symlink("..2026", os.path.join(folder, "..data"))
    os.symlink("..data/policy.note", os.path.join(folder, "policy.note"))
    stage.until(15, "the policy of the file counts",
                lambda: agent_json(stage, "status")["policy_serial"] == 2)
    stage.until(15, "the database is dark", lambda: not serves(stage, DB))
    check("a policy that the coordinator never had ends what it no longer allows",
          not serves(stage, DB))
    check("what the policy still allows goes on", hello(mesh))

    with open(os.path.join(folder, "bad.note"), "w") as file:
        file.write("culvert/policy/v1\nforged\n\n")
    os.symlink("/etc/passwd", os.path.join(folder, "out.note"))
    stage.until(15, "both faults are shown",
                lambda: len(agent_json(stage, "status")["documents"]["bad"]) == 2)
    status = agent(stage, "status")
    check("culvert status names the bad files, and not all is well",
          "bad.note" in status and "leads out" in status and "all is well" not in status, status)
    check("each fault is one log line", stage.log("agent").count("bad.note") == 1,
          stage.log("agent"))
    for name in ("bad.note", "out.note", "policy.note"):
        os.unlink(os.path.join(folder, name))
    stage.until(15, "the folder is empty",
                lambda: agent_json(stage, "status")["documents"]["files"] == 0)
    check("a file that vanishes takes nothing back",
          agent_json(stage, "status")["policy_serial"] == 2)
    return first, note


def check_fresh(stage, mesh, first, check):
    folder = stage.path("documents")
    _, note = next_policy(stage, first, lambda text: re.sub(
        r"^(lease: .*\n)", r"\1fresh: 1h\n", text, flags=re.M))
    with open(os.path.join(folder, "policy.note"), "w") as file:
        file.write(note)
    stage.until(15, "the next policy counts",
                lambda: agent_json(stage, "status")["policy_serial"] == 3)
    grant = mesh.request(API, show=False)
    mesh.approve(grant, show=False)

    def state():
        rows = agent_json(stage, "requests")["requests"]
        return next((row["state"] for row in rows if row["grant"] == grant), "")
    stage.until(15, "the grant is approved", lambda: "APPROVED" in state())
    held = lambda: any(row["grant"] == grant
                       for row in agent_json(stage, "services")["services"])
    check("without a fresh note an approved grant does not begin", not held(), state())
    key = ["--key", stage.path("site/approver.key")]
    out = stage.run(HERE, "culvert", "site", "fresh", *key, "--documents", folder, "--out",
                    os.path.join(folder, "fresh.note"), show=True)
    check("culvert site fresh says what it signs", "policy 3" in out, out)
    stage.until(15, "the grant has begun", held)
    check("with a fresh note in the folder it begins", hello(mesh))
    with open(os.path.join(folder, "fresh.note")) as file:
        before = file.read()
    def again():
        stage.run(HERE, "culvert", "site", "fresh", *key, "--documents", folder, "--out",
                  os.path.join(folder, "fresh.note"))
        with open(os.path.join(folder, "fresh.note")) as file:
            return file.read()
    # Times in notes are whole seconds.
    after = stage.until(15, "a newer note", lambda: next((t for t in [again()] if t != before), None))
    check("the same command again writes a newer note, with one line",
          after.count("\u2014") == 1, after)
    out = stage.run(HERE, "culvert", "site", "fresh", *key, ok=None, show=True)
    check("a fresh note is carried by the coordinator as well", "sent" in out, out)


def check_status(stage, check):
    key = ["--key", stage.path("site/approver.key")]

    def listed():
        text = stage.run(HERE, "culvert", "--json", "site", "status", *key, ok=None)
        if '"error"' in text:  # too many requests: try again later
            return None
        out = json.loads(text)
        return next((a for a in out["agents"] if a.get("policy", {}).get("number") == 3), None)
    row = stage.until(30, "the agent has said that it knows policy 3", listed)
    check("culvert site status shows what the agent says, by its own signature",
          row["state"] == "known" and row["age_seconds"] < 600 and
          row["policy"]["compared"] == "newer than here", row)
    out = stage.until(30, "the coordinator takes a question again", lambda: (
        lambda text: text if "acme-agent" in text else None)(
            stage.run(HERE, "culvert", "site", "status", *key, ok=None)))
    check("and for people", "newer than here" in out, out)
    refused = stage.run(HERE, "culvert", "site", "status", "--key", stage.path("vendor/approver.key"),
                        ok=False)
    check("not to the vendor's keys", "site's own root" in refused, refused)


# --- the customer's own leases ---
def start_lease_server(stage, mesh, folder):
    before = stage.log("leases").count("lease server of")
    stage.start("leases", HERE, "culvert", "site", "lease", "serve", "--key",
                stage.path("site/lease.key"), "--listen", "127.0.0.1:%d" % mesh.lease_port,
                "--documents", folder)
    stage.until(15, "the lease server is up",
                lambda: stage.log("leases").count("lease server of") > before)


def check_leases(stage, mesh, check):
    folder = stage.path("lease-documents")
    os.makedirs(folder)
    grant = mesh.request(API, show=False)
    mesh.approve(grant, show=False)
    mesh.until_usable(API)  # the laptop has a lease by the vendor
    stage.until(15, "the site's agent misses its lease", lambda:
                "no lease from the customer's lease server" in stage.log("agent"))
    check("with the coordinator alone nothing begins", not serves(stage) and not hello(mesh))
    start_lease_server(stage, mesh, folder)
    stage.until(20, "the service answers", lambda: hello(mesh))
    check("with the customer's lease it begins", serves(stage))
    stage.end("leases")
    stage.until(20, "the site has cut", lambda: not serves(stage))
    check("with the lease server stopped access ends", not hello(mesh))

    start_lease_server(stage, mesh, folder)
    stage.until(20, "the service answers again", lambda: hello(mesh))
    rows = agent_json(stage, "requests")["requests"]
    note = stage.write("grant.txt", next(r["note"] for r in rows if r["grant"] == grant))
    stage.end("coordinator")
    time_is_up = time.monotonic() + 12  # more than twice the length of a lease
    stage.until(20, "leases have been asked for without the coordinator",
                lambda: time.monotonic() > time_is_up)
    check("the site goes on without the vendor's coordinator", serves(stage))
    url = "http://127.0.0.1:%d" % mesh.lease_port
    stage.run(HERE, "culvert", "revoke", grant, "--key", stage.path("site/approver.key"), "--note",
              note, "--lease", url, show=True, timeout=60)
    stage.until(20, "the site has cut", lambda: not serves(stage))
    state = next(r["state"] for r in agent_json(stage, "requests")["requests"]
                 if r["grant"] == grant)
    check("a revocation that was put to the lease server ends the grant", state == "REVOKED", state)
    kept = [name for name in os.listdir(folder) if name.startswith("put-revocations")]
    check("and is kept in the folder", len(kept) == 1, kept)
    check("an agent with an empty folder has no bad files",
          agent_json(stage, "status")["documents"] == {"files": 0, "notes": 0, "bad": []})
    forged = stage.run(HERE, "curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", "--data-binary",
                       "culvert/revocation/v1\n\n", url + "/revocation/v1")
    check("what is not signed is refused", forged == "400", forged)


def play(stage, check):
    mesh = Mesh(stage, HERE, HERE, HERE, loopback=True, lease="5s")
    os.makedirs(stage.path("documents"))
    mesh.agent_words = ("--documents", stage.path("documents"))
    mesh.bring_up()
    first, _ = check_documents(stage, mesh, check)
    check_fresh(stage, mesh, first, check)
    check_status(stage, check)


def play_leases(stage, check):
    mesh = Mesh(stage, HERE, HERE, HERE, loopback=True, lease="5s")
    mesh.lease_port = free_port()
    mesh.site_words = ("--lease-by", "customer")
    os.makedirs(stage.path("documents"))
    mesh.extra["agent"] = {"lease_url": "http://127.0.0.1:%d" % mesh.lease_port,
                           "documents": stage.path("documents")}
    mesh.bring_up()
    check_leases(stage, mesh, check)


if __name__ == "__main__":
    sys.exit(play_and_count(play_leases if "leases" in sys.argv[2:] else play))
