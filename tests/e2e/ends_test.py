#!/usr/bin/env python3
"""No client waits for a connection that is gone: a laptop crashes with all its connections open,
and an agent of a site is stopped. ends_test.py BIN-FOLDER [STACK], as root.
"""
import signal
import socket
import sys
import time

from mesh import DB, SITE, Mesh, Place, free_port, play_and_count

ECHO = "echo." + SITE
CONNECTIONS = 256  # the limit for one device at a site


def connect(port):
    client = socket.create_connection(("127.0.0.1", port), timeout=30)
    client.sendall(b"x")
    if client.recv(1) != b"x":
        raise OSError("no echo")
    return client


def ended(client, seconds=10):
    """The connection has ended: with a reset or an end of stream."""
    client.settimeout(seconds)
    try:
        return client.recv(1) == b""
    except ConnectionError:
        return True
    except TimeoutError:
        return False


def forward(stage, mesh, service):
    port = free_port()
    mesh.alice("forward", "%d:%s" % (port, service))
    return port


def answers(stage, mesh, port):
    return "rows" in stage.run(mesh.laptop, "curl", "-sS", "--max-time", "5",
                               "http://127.0.0.1:%d/" % port, ok=None)


def check_crash(stage, mesh, check):
    port = forward(stage, mesh, ECHO)
    clients = [connect(port) for _ in range(CONNECTIONS)]
    check("a laptop may have %d connections open" % CONNECTIONS, len(clients) == CONNECTIONS)
    crashed = stage.release("laptop")
    crashed.kill()
    crashed.wait()
    for client in clients:
        client.close()
    mesh.start_laptop(token=False)
    mesh.until_usable(DB, 60)
    port = forward(stage, mesh, DB)
    check("after its crash it is not locked out by the dead ones", stage.until(
        60, "the database answers", lambda: answers(stage, mesh, port)))
    check("which the site has ended", stage.until(
        10, "the site's log says so", lambda: "has started anew" in stage.log("agent")))


def check_stop(stage, mesh, check, number):
    port = forward(stage, mesh, ECHO)
    client = connect(port)
    agent = stage.release("agent")
    agent.send_signal(number)
    check("the laptop's client is cut when the site's agent stops", ended(client))
    check("and the laptop knows that it has stopped", stage.until(
        5, "status says so", lambda: any(peer["stopped"] for peer in mesh.status()["peers"])))
    check("the screen says so too", "agent stopped" in mesh.alice("status"))
    check("it ends with 0", agent.wait(20) == 0, stage.log("agent"))
    with open(stage.path("agent/audit.log"), encoding="utf-8") as file:
        audit = file.read()
    # The end has its own line, or is counted in one line with other openings of a few seconds.
    check("its audit log has the connection's end",
          "outcome=the%20agent%20stops" in audit or "1%20ended" in audit, audit[-2000:])
    mesh.start_agent(token=None)
    check("when it is back, the laptop finds it", stage.until(
        60, "no peer is stopped", lambda: not any(p["stopped"] for p in mesh.status()["peers"])))
    mesh.until_usable(ECHO, 30)
    connect(port).close()
    client.close()


def check_down(stage, mesh, check):
    port = forward(stage, mesh, ECHO)
    client = connect(port)
    agent = stage.release("agent")
    stage.run(mesh.cluster, "culvert", "--state", stage.path("agent"), "down")
    check("culvert down cuts as well", ended(client))
    check("and ends with 0", agent.wait(20) == 0)
    mesh.start_agent(token=None)
    mesh.until_usable(ECHO, 60)


def check_nohup(stage, mesh, check):
    stage.end("agent")
    mesh.cluster = Place("here", ["nohup"])
    mesh.start_agent(token=None)
    agent = dict(stage.processes)["agent"]
    agent.send_signal(signal.SIGHUP)
    out = stage.run(mesh.operator, "culvert", "--state", stage.path("agent"), "--json", "status")
    check("under nohup a hangup does not end it", agent.poll() is None and "acme-agent" in out)
    stage.end("agent")


def check_hangup(stage, mesh, check):
    coordinator = dict(stage.processes)["coordinator"]
    coordinator.send_signal(signal.SIGHUP)
    stage.until(10, "the coordinator says what SIGHUP does",
                lambda: "SIGHUP changes nothing" in stage.log("coordinator"))
    check("a hangup does not end the coordinator", coordinator.poll() is None)


def check_impatient(stage, check):
    """A client that asks again and again does not cut off what a program sends at its end."""
    for name in ("laptop", "agent", "coordinator", "relay"):
        process = stage.release(name)
        for _ in range(20000):
            if process.poll() is not None:
                break
            process.send_signal(signal.SIGTERM)
            time.sleep(0.001)
        check("%s, asked to end each millisecond: exit code 0" % name, process.wait(20) == 0,
              process.returncode)


def play(stage, check):
    here = Place("here")
    mesh = Mesh(stage, here, here, here, loopback=True, lease="30s")
    if len(sys.argv) > 2:
        mesh.extra = {"agent": {"stack": sys.argv[2]}, "laptop": {"stack": sys.argv[2]}}
    upstream = free_port()
    mesh.services["echo"] = ("tcp:7", {"upstream": "127.0.0.1:%d" % upstream})
    mesh.bring_up()
    mesh.grant(ECHO, length="1h")
    mesh.grant(DB, length="1h")
    stage.start("echo", here, "socat", "TCP-LISTEN:%d,bind=127.0.0.1,fork,reuseaddr,max-children=600"
                % upstream, "EXEC:cat", show=False)
    stage.until(10, "the echo server listens", lambda: not socket.socket().connect_ex(
        ("127.0.0.1", upstream)))
    check_crash(stage, mesh, check)
    check_stop(stage, mesh, check, signal.SIGTERM)
    check_stop(stage, mesh, check, signal.SIGINT)
    check_down(stage, mesh, check)
    check_nohup(stage, mesh, check)
    check_hangup(stage, mesh, check)
    mesh.cluster = here
    mesh.start_agent(token=None)
    check_impatient(stage, check)


if __name__ == "__main__":
    sys.exit(play_and_count(play))
