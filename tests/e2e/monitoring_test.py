#!/usr/bin/env python3
"""The alert rules and the dashboard of docs/operations/monitoring/: promtool accepts the rules, each
alert fires in its situation and is silent otherwise, and the running programs have every metric that
either names. monitoring_test.py BIN-FOLDER, as root.
"""
import json
import os
import re
import subprocess
import sys

from mesh import API, Mesh, Place, free_port, play_and_count

SOURCES = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
FOLDER = os.path.join(SOURCES, "docs/operations/monitoring")
METRIC = re.compile(r"\bculvert_[a-z_]+")
PROGRAMS = ("agent", "coordinator", "relay")
DAY = 86400

# Alert → the series with values that fire it, and values that do not. One value a minute.
SITUATIONS = {
    "CulvertAgentWithoutCoordinator": ("culvert_agent_coordinator_connected", "0x20", "1x20"),
    "CulvertAgentWithoutRelay": ("culvert_agent_relay_connected", "0x20", "1x20"),
    "CulvertAgentNotAdmitted": ("culvert_agent_admitted", "0x20", "1x20"),
    "CulvertAuditNotWritten": ("culvert_agent_audit_ok", "0x20", "1x20"),
    "CulvertClockWrong": ("culvert_agent_clock_ok", "0x20", "1x20"),
    "CulvertForked": ("culvert_agent_forked", "1x20", "0x20"),
    "CulvertLocked": ("culvert_agent_locked", "1x90", "1x30"),
    "CulvertLeaseStale": ("culvert_agent_lease_fresh", "0x20", "1x20"),
    "CulvertStatementEndsSoon": ('culvert_agent_ends_timestamp_seconds{what="admission"}',
                                 "%dx20" % (6 * DAY), "%dx20" % (9 * DAY)),
    "CulvertCoordinatorStoreReadOnly": ("culvert_coordinator_takes_statements", "0x20", "1x20"),
    "CulvertLeasesStopped": ("culvert_coordinator_leases_stopped", "1x20", "0x20"),
    "CulvertRootEndsSoon": ('culvert_coordinator_ends_timestamp_seconds{what="root",of="acme"}',
                            "%dx20" % (29 * DAY), "%dx20" % (32 * DAY)),
    "CulvertNewAgent": ("culvert_coordinator_new_agents_total", "0+1x20", "3x20"),
    "CulvertStrangersCrowd": ("culvert_coordinator_strangers_replaced_total", "0+120x40", "0+30x40"),
    "CulvertRelayDrops": ("culvert_relay_packets_dropped_total", "0+12000x40", "0+3000x40"),
    "CulvertRelayRefusesLogins": ("culvert_relay_logins_refused_total", "0+120x40", "0+30x40"),
    "CulvertDown": ('up{job="culvert-relay"}', "0x20", "1x20"),
    "CulvertLogLinesDropped": ("culvert_relay_log_lines_dropped_total", "0+1x20", "7x20"),
}


def read(name):
    with open(os.path.join(FOLDER, name)) as file:
        return file.read()


def values(text):
    """1x20 → the value twenty times; 0+12x20 → rising by twelve a minute (promtool's notation)."""
    return text if "+" in text else text.replace("x", "+0x")


def firing(alert, series, numbers, count):
    """A test of promtool: at the end of the series the alert fires `count` times."""
    return {"name": "%s, %s" % (alert, "fires" if count else "is silent"), "interval": "1m",
            "input_series": [{"series": series, "values": values(numbers)}],
            "promql_expr_test": [{
                "expr": 'count(ALERTS{alertname="%s",alertstate="firing"}) or vector(0)' % alert,
                "eval_time": numbers.split("x")[1] + "m",
                "exp_samples": [{"labels": "{}", "value": count}]}]}


def check_alerts(stage, promtool, check):
    rules = os.path.join(FOLDER, "alerts.yml")
    stage.run(Place("here"), promtool, "check", "rules", rules)
    check("promtool accepts the rules", True)
    named = set(re.findall(r"- alert: (\w+)", read("alerts.yml")))
    check("each alert has a situation here", named == set(SITUATIONS), named ^ set(SITUATIONS))
    tests = []
    for alert, (series, fires, silent) in SITUATIONS.items():
        tests += [firing(alert, series, fires, 1), firing(alert, series, silent, 0)]
    name = stage.write("alerts_test.yml", json.dumps(
        {"rule_files": [rules], "evaluation_interval": "1m", "tests": tests}))
    done = subprocess.run([promtool, "test", "rules", name], stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, check=False)
    out = done.stdout.decode()
    check("%d alerts fire in their situation and are silent otherwise" % len(named),
          done.returncode == 0, out)


def check_names(stage, mesh, ports, check):
    exported = set()
    for program in PROGRAMS:
        out = stage.run(Place("here"), "curl", "-sS", "http://127.0.0.1:%d/metrics" % ports[program])
        exported |= set(METRIC.findall(out))
    for name in ("alerts.yml", "dashboard.json"):
        used = set(METRIC.findall(read(name)))
        check("%s: the programs have its %d metrics" % (name, len(used)), used <= exported,
              used - exported)


def play(stage, promtool, check):
    check_alerts(stage, promtool, check)
    here = Place("here")
    mesh = Mesh(stage, here, here, here, loopback=True)
    ports = {program: free_port() for program in PROGRAMS}
    mesh.extra = {program: {"metrics": "127.0.0.1:%d" % port} for program, port in ports.items()}
    mesh.bring_up()
    mesh.grant(API)
    check_names(stage, mesh, ports, check)
    json.loads(read("dashboard.json"))


if __name__ == "__main__":
    # The test fetches promtool before it leaves the machine's network.
    promtool = subprocess.run([os.path.join(SOURCES, "cmake/fetch_program.sh"), "prometheus",
                               "bookworm", "usr/bin/promtool"], check=True,
                              stdout=subprocess.PIPE, text=True).stdout.strip()
    sys.exit(play_and_count(lambda stage, check: play(stage, promtool, check)))
