#!/usr/bin/python3
"""A client that overloads a real coordinator, and a full disk: overload_test.py BIN.
In the meantime approvers read and revoke, laptops make requests, and running grants go on."""
import os
import re
import resource
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "e2e"))
from mesh import *  # noqa: E402

IDLE = 1500


def attack(stage, mesh, name, *words):
    """Starts one overload client. Returns the line that the client prints when it is ready."""
    program = os.path.join(os.path.abspath(sys.argv[1]), "culvert_overload")
    stage.start(name, mesh.operator, program, stage.path("coordinator/coordinator.pub"), *words)
    return stage.until(120, name + " has done what it can",
                       lambda: re.search(r"^\w+: .*$", stage.log(name), re.MULTILINE)).group(0)


def metric(stage, mesh, name):
    out = stage.run(mesh.operator, "curl", "-sS", "http://127.0.0.1:%d/metrics" % mesh.metrics)
    return int(re.search(r"^culvert_coordinator_%s (\d+)" % name, out, re.MULTILINE).group(1))


def ready(stage, mesh):
    return stage.run(mesh.operator, "curl", "-s", "-o", "/dev/null", "-w", "%{http_code}",
                     "http://127.0.0.1:%d/readyz" % mesh.metrics, ok=None).strip()


def small_disk(folder):
    os.makedirs(folder, exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=24m,mode=0700", "none", folder], check=True)


def fill(path):
    with open(path, "wb", buffering=0) as file:
        for size in (65536, 4096, 1):
            try:
                while True:
                    file.write(b"f" * size)
            except OSError:
                pass


def play(stage, check):
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 16384), hard))
    here = Place("here")
    mesh = Mesh(stage, here, here, here, loopback=True)
    mesh.metrics = free_port()
    mesh.extra["coordinator"] = {"metrics": "127.0.0.1:%d" % mesh.metrics}
    small_disk(stage.path("coordinator"))
    stage.on_close.append(lambda: subprocess.run(["umount", "-l", stage.path("coordinator")], check=False))
    mesh.bring_up()
    stage.env["CULVERT_VENDOR_ID"] = mesh.vendor_hash
    first = mesh.grant(API)
    site_key = ["--key", stage.path("site/approver.key")]
    vendor_key = ["--key", stage.path("vendor/approver.key")]

    check("strangers without a word: " + attack(stage, mesh, "idle", "idle", str(IDLE)),
          metric(stage, mesh, "unproven") <= 1024)
    attack(stage, mesh, "storm", "storm", "40")
    check("an approver reads while logins storm",
          first in stage.run(mesh.operator, "culvert", "requests", *vendor_key))
    mesh.grant(DB)
    check("a laptop asks, approvers approve, access comes to be", True)
    check("who was granted before goes on", "hello" in mesh.curl("https://%s/" % API))

    said = attack(stage, mesh, "devices", "devices", "60")
    listed = stage.run(mesh.operator, "culvert", "device", "list", "--key",
                       stage.path("vendor/admission.key"))
    check("made-up devices of one source: " + said, 1 <= listed.count("made-up-") <= 8 * 3, listed)
    check("waiting: 8", metric(stage, mesh, "waiting_devices") <= 8)
    said = attack(stage, mesh, "questions", "questions", "400")
    check("a stranger's questions: " + said, int(said.split()[1]) > 50)

    said = attack(stage, mesh, "revoke", "revoke", "3000", site_key[1], SITE, mesh.root_hash)
    check("one approver's made-up revocations: " + said, int(said.split()[1]) == 1024)
    stage.run(mesh.operator, "culvert", "revoke", first, *vendor_key)
    mesh.until_dark(API)
    check("another approver revokes all the same", True)
    for name in ("idle", "storm", "devices", "questions", "revoke"):
        stage.end(name)
    full_disk(stage, mesh, check, site_key, vendor_key)


def full_disk(stage, mesh, check, site_key, vendor_key):
    grant = mesh.grant(API)
    check("the store is writable", ready(stage, mesh) == "200")
    fill(stage.path("coordinator/fill"))
    stage.until(30, "/readyz says that the disk is full", lambda: ready(stage, mesh) == "503")
    told = stage.run(mesh.operator, "curl", "-sk", "https://%s:%d/readyz" %
                     (mesh.operator.host, mesh.control_port))
    check("strangers are not told why", told == "the store is not usable\n", told)
    check("leases go on", metric(stage, mesh, "leases_stopped") == 0)
    stage.run(mesh.operator, "culvert", "revoke", grant, *vendor_key)
    mesh.until_dark(API)
    check("with the disk full a grant is revoked", True)
    killed = stage.release("coordinator")
    killed.kill()
    killed.wait()
    mesh.start_coordinator()
    check("killed, it starts on the full disk", True)
    stage.until(30, "the other access goes on", lambda: "rows" in mesh.curl("http://%s:5432/" % DB, ok=None))
    listed = stage.run(mesh.operator, "culvert", "requests", *site_key)
    check("the revoked grant is not listed any more", grant not in listed, listed)
    os.unlink(stage.path("coordinator/fill"))
    stage.until(30, "/readyz is green again", lambda: ready(stage, mesh) == "200")
    stage.end("coordinator")
    mesh.start_coordinator()
    listed = stage.run(mesh.operator, "culvert", "requests", *site_key)
    check("nor after the disk has room and one more restart", grant not in listed, listed)
    stage.until(30, "the agents are back", lambda: metric(stage, mesh, "nodes") == 2)
    mesh.grant(API)
    check("everything works again", "hello" in mesh.curl("https://%s/" % API))


if __name__ == "__main__":
    sys.exit(play_and_count(play))
