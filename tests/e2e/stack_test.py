#!/usr/bin/env python3
"""The choice of an agent's TCP stack, the rights of the helper process, and the effects of its end.
stack_test.py BIN-FOLDER, as root. Little is tested where root may not make a user namespace.
"""
import json
import os
import re
import signal
import subprocess

from mesh import ALICE, DB, Mesh, Place, play_and_count, stop

NOBODY = ["setpriv", "--reuid", "nobody", "--regid", "nogroup", "--clear-groups"]
NO_NAMESPACES = ["unshare", "-Ur", "sh", "-c",
                 'echo 0 >/proc/sys/user/max_user_namespaces && exec "$@"', "sh"]


def laptop(stage, mesh, name, stack, prefix):
    """Starts another laptop's agent with `prefix`. Returns its process, log, stack, and whether it
    came up."""
    state, token = stage.path(name), stage.path(name + ".token")
    stage.run(mesh.operator, "culvert", "device", "token", "--dir", stage.path("vendor"), "--person",
              ALICE, "--group", "oncall", "--out", token)
    os.mkdir(state, 0o700)
    if "nobody" in prefix or any("nobody" in word for word in prefix):
        for path in (state, token):
            os.chown(path, 65534, 65534)
    config = stage.write(name + ".json", json.dumps({"stack": stack, "proxy": ""}))
    place = Place(name, prefix)
    process = stage.start(name, place, "culvert", "up", "--state", state, "--config", config, "--name",
                          name, "--token-file", token, show=False)
    stage.release(name)
    stage.on_close.append(lambda: stop(process))
    stage.until(20, name + " is up or refuses", lambda: "culvert is up" in stage.log(name)
                or process.poll() is not None)
    taken = None
    if process.poll() is None:
        taken = json.loads(stage.run(mesh.operator, "culvert", "--state", state, "--json",
                                     "status"))["stack"]
    return process, stage.log(name), taken


def children_of(pid):
    with open("/proc/%d/task/%d/children" % (pid, pid), encoding="ascii") as file:
        return [int(word) for word in file.read().split()]


def fact(pid, name):
    with open("/proc/%d/status" % pid, encoding="ascii") as file:
        return re.search(r"^%s:\s+(\S+)" % name, file.read(), re.M).group(1)


def check_refusals(stage, mesh, check):
    process, log, taken = laptop(stage, mesh, "refused", "auto", NO_NAMESPACES)
    check("no user namespace allowed: auto takes lwip", taken == "lwip", log)
    check("and the log says why", "a user namespace is refused here" in log, log)
    stop(process)
    process, log, taken = laptop(stage, mesh, "insists", "kernel", NO_NAMESPACES)
    check('"kernel" does not start then, and one line says why',
          taken is None and process.returncode == 4
          and len(re.findall(r'^culvert: "stack": "kernel" is not possible here', log, re.M)) == 1, log)
    process, log, taken = laptop(stage, mesh, "chosen", "lwip", [])
    check('"lwip" is taken where both are possible', taken == "lwip", log)
    check("and leaves no helper behind", not children_of(process.pid))
    stop(process)


def check_unprivileged(stage, mesh, check):
    node = stage.path("tun-for-all")
    os.mknod(node, 0o666 | 0o020000, os.makedev(10, 200))
    os.chmod(node, 0o666)
    for name, mode, stack in (("nobody-with", node, "kernel"), ("nobody-without", "/dev/null", "lwip")):
        process, log, taken = laptop(stage, mesh, name, "auto", [
            "unshare", "-m", "sh", "-c", 'mount --bind %s /dev/net/tun && exec %s "$@"'
            % (mode, " ".join(NOBODY)), "sh"])
        check("as nobody, %s /dev/net/tun: %s" % ("with" if stack == "kernel" else "without", stack),
              taken == stack, log)
        stop(process)


def check_helper(stage, mesh, check):
    agent = dict(stage.processes)["agent"]
    (helper,) = children_of(agent.pid)
    check("the helper has no capability", int(fact(helper, "CapEff"), 16) == 0
          and int(fact(helper, "CapPrm"), 16) == 0)
    check("and runs under a seccomp filter", fact(helper, "Seccomp") == "2")
    files = os.listdir("/proc/%d/fd" % helper)
    check("and has its end of the socket pair open, nothing else", len(files) == 1
          and os.readlink("/proc/%d/fd/%s" % (helper, files[0])).startswith("socket:"), files)
    with open("/proc/%d/environ" % helper, "rb") as file:
        check("and no environment", not file.read().strip(b"\0"))
    mesh.grant(DB)
    port = mesh.proxy_port
    held = subprocess.Popen(["curl", "-s", "--limit-rate", "100k", "-o", os.devnull, "--socks5-hostname",
                             "127.0.0.1:%d" % port, "http://%s:5432/large.bin" % DB])
    stage.on_close.append(held.kill)
    stage.until(10, "the download runs", lambda: "flow-open" in stage.run(
        mesh.cluster, "culvert", "--state", stage.path("agent"), "--json", "audit"))
    stage.release("agent")
    os.kill(helper, signal.SIGKILL)
    check("its end stops the agent, with an exit code for the supervisor", agent.wait(20) == 1)
    check("and the log says so", "helper process of the kernel's stack has ended" in stage.log("agent"))
    with open(stage.path("agent/audit.log"), encoding="utf-8") as file:
        check("and the audit log has the end of the flow", "flow-close" in file.read())


def play(stage, check):
    here = Place("here")
    mesh = Mesh(stage, here, here, here, loopback=True)
    mesh.bring_up()
    check_refusals(stage, mesh, check)
    if mesh.status()["stack"] != "kernel":
        print("no user namespace on this machine: the rest is not tried")
        return
    check("auto takes the kernel's stack where it can", True)
    check_unprivileged(stage, mesh, check)
    check_helper(stage, mesh, check)


if __name__ == "__main__":
    raise SystemExit(play_and_count(play))
