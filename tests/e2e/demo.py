#!/usr/bin/env python3
"""The whole story as a short film on this machine: no TUN, no namespaces, no privileges.

demo.py BIN-FOLDER. Started as root, it first becomes nobody. Ends by itself and removes its files.
"""
import os
import shutil
import subprocess
import sys
import tempfile
import time

from mesh import API, DB, SITE, Failed, Mesh, Place, Stage, indent


def become_nobody(binaries):
    """As root: copies the needed files to where nobody can read them, and continues as nobody."""
    home = tempfile.mkdtemp(prefix="culvert-demo.")
    try:
        os.chmod(home, 0o755)
        for name in ("culvert", "culvert-coordinator", "culvert-relay"):
            shutil.copy(os.path.join(binaries, name), home)
        for name in ("demo.py", "mesh.py"):
            shutil.copy(os.path.join(os.path.dirname(os.path.abspath(__file__)), name), home)
        return subprocess.run(
            ["setpriv", "--reuid", "nobody", "--regid", "nogroup", "--clear-groups",
             "--no-new-privs", "--inh-caps=-all", "/usr/bin/python3", "-B",
             os.path.join(home, "demo.py"), home], cwd="/", check=False).returncode
    finally:
        shutil.rmtree(home, ignore_errors=True)


def play(stage):
    here = Place("here")
    mesh = Mesh(stage, here, here, here, loopback=True)
    begin = time.monotonic()

    stage.say("0. The vendor makes a root. The coordinator makes its keys; the root collects them")
    mesh.vendor_keys()
    stage.say("1. The customer makes the site's root, policy and agent token")
    mesh.site_keys()
    stage.say("2. The operator starts a relay and a coordinator, and adds the site")
    mesh.start_relay()
    mesh.setup_coordinator()
    mesh.start_coordinator()
    stage.say("3. The customer starts the agent: no privileges, no TUN, nothing that listens")
    mesh.start_upstreams()
    mesh.start_agent()
    stage.say("4. The engineer starts hers; the vendor admits the device")
    mesh.start_laptop()
    mesh.admit()
    stage.say("   Everything is dark. A service that exists and one that does not look the same")
    mesh.alice("services", show=True)
    mesh.curl("https://%s/" % API, ok=False, show=True)
    mesh.curl("https://nothing.%s/" % SITE, ok=False, show=True)

    stage.say("5. She asks. One vendor and one customer approver read what they sign, and sign")
    grant = mesh.request()
    stage.run(here, "culvert", "requests", "--key", stage.path("site/approver.key"), show=True)
    mesh.approve(grant)
    mesh.until_usable()
    stage.say("6. The service is there, for her alone")
    mesh.alice("services", show=True)
    mesh.curl("https://%s/" % API, show=True)
    mesh.alice("ping", API, "-c", "3", show=True)
    mesh.alice("proxy", show=True)
    stage.run(here, "curl", "-sS", "--proxy", "socks5h://127.0.0.1:%d" % mesh.proxy_port, "--cacert",
              stage.write("ca.pem", mesh.alice("ca")), "https://%s/" % API, show=True)
    mesh.alice("status", show=True)

    stage.say("7. An approver revokes it in the middle of a download: cut on both sides")
    download = stage.start("download", here, "culvert", "--state", stage.path("laptop"), "run", "--",
                           "curl", "-sS", "--max-time", "30", "-o", os.devnull,
                           "https://%s/slow" % API)
    stage.until(10, "bytes flow", lambda: flowing(mesh))
    stage.run(here, "culvert", "revoke", grant, "--key", stage.path("site/approver.key"), show=True)
    revoked = time.monotonic()
    stage.processes.remove(("download", download))
    download.wait(15)
    print("  the download ended with curl's exit code %d after %.1f s; %s"
          % (download.returncode, time.monotonic() - revoked, stage.log("download").strip()))
    if download.returncode == 0:
        raise Failed("the download went on")
    mesh.until_dark()
    mesh.alice("services", show=True)

    stage.say("   A coordinator that vanishes: an open session ends when its lease (5 s) lapses")
    mesh.grant(DB)
    held = stage.start("held", here, "culvert", "--state", stage.path("laptop"), "run", "--", "curl",
                       "-sS", "--max-time", "40", "telnet://%s:5432" % DB)
    stage.until(10, "the session is open", lambda: DB in stage.run(
        here, "culvert", "--state", stage.path("agent"), "audit"))
    stage.end("coordinator")
    stopped = time.monotonic()
    stage.processes.remove(("held", held))
    held.wait(30)
    print("  the coordinator stopped; %.1f s later the session was cut" % (time.monotonic() - stopped))
    mesh.start_coordinator()
    mesh.until_usable(DB)
    print("  the coordinator is back; everything reconnected by itself")

    stage.say("8. Both sides have the record")
    audit = stage.run(here, "culvert", "--state", stage.path("agent"), "audit")
    print("the customer's, on the agent:")
    sys.stdout.write(indent("\n".join(audit.splitlines()[-8:])))
    audit = stage.run(here, "culvert-coordinator", "audit", "--state", stage.path("coordinator"))
    print("the coordinator's:")
    sys.stdout.write(indent("\n".join(audit.splitlines()[-8:])))
    print("\nThe story took %.0f s. Nothing of it is left behind." % (time.monotonic() - begin))


def flowing(mesh):
    return any(peer["bytes_in"] > 200_000 for peer in mesh.status()["peers"])


def main():
    binaries = os.path.abspath(sys.argv[1])
    if os.geteuid() == 0:
        return become_nobody(binaries)
    try:
        with Stage(binaries, film=True) as stage:
            play(stage)
    except Failed as error:
        print("FAILED: %s" % error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
