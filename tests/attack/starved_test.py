#!/usr/bin/env python3
"""Programs that lack something: a reader of standard error, threads.
starved_test.py BIN-FOLDER, as root.

A log that nobody reads stops no program, and only lines of the log are lost. Where the system
allows no further thread, the agent ends with one line and exit code 1.
"""
import http.client
import os
import re
import resource
import subprocess
import sys
import time

import siege
from mesh import API, Mesh, Place, play_and_count
from strangers_test import get

HERE = Place("here")
NOBODY = 54321


class FullPipe:
    """A pipe whose reader does not read; full before the program writes its first line."""

    def __init__(self):
        self.reader, self.writer = os.pipe()
        os.set_blocking(self.writer, False)
        try:
            while True:
                os.write(self.writer, b"." * 4096)
        except BlockingIOError:
            os.set_blocking(self.writer, True)

    def read_all(self):
        """Returns the bytes in the pipe."""
        os.set_blocking(self.reader, False)
        out = b""
        try:
            while piece := os.read(self.reader, 1 << 20):
                out += piece
        except BlockingIOError:
            pass
        return out.decode("utf-8", "replace").lstrip(".")


def start_unread(stage, name, *words):
    """Runs the program with standard output and error in a full pipe."""
    pipe = FullPipe()
    process = subprocess.Popen(list(words), stdin=subprocess.DEVNULL, stdout=pipe.writer,
                               stderr=pipe.writer, env=stage.env, cwd=stage.work)
    os.close(pipe.writer)
    stage.processes.append((name, process))
    return pipe


def answers(port, tls):
    try:
        return get(port, "/healthz", tls)[0] == 200
    except (OSError, http.client.HTTPException):
        return False


def check_unread(stage, mesh, check):
    """Runs each program again with a log that nobody reads."""
    for name in ("laptop", "agent", "coordinator", "relay"):
        stage.end(name)
    relay = start_unread(stage, "relay", "culvert-relay", "--config", stage.path("relay.json"))
    coordinator = start_unread(stage, "coordinator", "culvert-coordinator", "run", "--config",
                               stage.path("coordinator.json"))
    stage.until(20, "the relay serves", lambda: answers(mesh.relay_port, True))
    stage.until(20, "the coordinator serves", lambda: answers(mesh.control_port, True))
    agent = start_unread(stage, "agent", "culvert", "up", "--state", stage.path("agent"),
                         "--config", stage.path("agent.json"), "--name", "acme-agent")
    laptop = start_unread(stage, "laptop", "culvert", "up", "--state", stage.path("laptop"),
                          "--config", stage.path("laptop.json"), "--name", "alice-laptop")
    stage.until(20, "the laptop answers", lambda: '"admitted"' in mesh.alice(
        "--json", "status", ok=None))
    mesh.until_usable(seconds=40)
    check("a service is carried by programs whose logs nobody reads",
          "hello" in mesh.curl("https://%s/" % API))
    # The relay writes a line for each SIGHUP: more lines than its queue holds.
    pid = siege.pid_of(stage, "relay")
    for _ in range(6000):
        os.kill(pid, 1)
        time.sleep(0)  # lets the relay run: pending signals of one kind are merged
    check("the relay serves after thousands of lines", answers(mesh.relay_port, True))
    pipes = {"agent": agent, "laptop": laptop, "coordinator": coordinator, "relay": relay}
    seen = dict.fromkeys(pipes, "")
    wanted = {"agent": "culvert is up", "laptop": "culvert is up", "relay": "relay ready",
              "coordinator": "coordinator ready"}

    def arrived():
        for name, pipe in pipes.items():
            seen[name] += pipe.read_all()
        return all(text in seen[name] for name, text in wanted.items())

    stage.until(20, "the lines come once somebody reads", arrived)
    check("what waited arrives when somebody reads", True)
    for name in ("laptop", "agent", "coordinator", "relay"):
        process = stage.release(name)
        process.terminate()
        check("%s ends when told" % name, process.wait(20) == 0)


def run_poor(stage, words, limits, user=None):
    """Runs the program with a limit. Returns its exit code and its output."""
    def become_poor():
        for what, most in limits.items():
            resource.setrlimit(what, (most, most))
        if user:
            os.setgid(user)
            os.setuid(user)

    done = subprocess.run(words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, env=stage.env, cwd=stage.work, timeout=60,
                          preexec_fn=become_poor, check=False)
    return done.returncode, done.stderr.decode("utf-8", "replace")


def check_no_threads(stage, check):
    home = stage.path("nobody")
    os.makedirs(home)
    os.chown(home, NOBODY, NOBODY)
    for most in (1, 2, 3, 4, 5):  # threads of the program, of the name look-ups, of the local API
        code, said = run_poor(
            stage, ["culvert", "up", "--state", os.path.join(home, "state%d" % most)],
            {resource.RLIMIT_NPROC: most}, NOBODY)
        lines = [l for l in said.splitlines() if not re.match(r"\d{4}-\d\d-\d\dT", l)]
        check("with %d threads the agent ends with one line: %s" % (most, said.strip()[-120:]),
              code == 1 and len(lines) == 1 and lines[0].startswith("culvert: ")
              and "thread" in lines[0], "exit %d\n%s" % (code, said))


def play(stage, check):
    check_no_threads(stage, check)
    mesh = Mesh(stage, HERE, HERE, HERE, loopback=True)
    mesh.bring_up()
    mesh.grant(API)
    check_unread(stage, mesh, check)


if __name__ == "__main__":
    sys.exit(play_and_count(play))
