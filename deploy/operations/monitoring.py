"""Checks the monitoring against a Prometheus that scrapes two nodes with traffic: every query of the dashboard has a result, every metric
and label that a query or rule names exists, no rule fails, and the right alert fires when a node is killed.

    monitoring.py traffic NODE... KEY          traffic on the nodes (host:port) until it is stopped
    monitoring.py queries PROMETHEUS NODE KEY  the dashboard and the rules; KEY may read metrics
    monitoring.py fires PROMETHEUS ALERT       waits until the alert fires
    monitoring.py reasons NODE KEY             waits until the node is not ready, and looks up its reasons in the runbook
"""

import asyncio
import json
import pathlib
import re
import sys
import time
import urllib.error
import urllib.parse
import urllib.request

import websockets
import yaml

from documents import Problems, is_in_runbook

# Grafana's variables, as a browser would fill them in.
VARIABLES = {"$job": "volary", "$instance": ".*", "$__rate_interval": "1m", "$__interval": "1s", "$__range": "1m"}
KEYWORDS = {"job", "instance", "le", "quantile"}


def get(url, key="", data=None, method=None):
    """The status and body of an answer."""
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    if data is not None:
        headers["Content-Type"] = "application/json"
    request = urllib.request.Request(url, data, headers, method=method)
    try:
        with urllib.request.urlopen(request, timeout=5) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def api(prometheus, path, **parameters):
    """The data of an answer of Prometheus, or its error."""
    status, body = get(f"http://{prometheus}/api/v1/{path}?{urllib.parse.urlencode(parameters)}")
    answer = json.loads(body)
    return answer.get("data"), answer.get("error") if status != 200 else None


# --- traffic


async def traffic(nodes, key):
    """Something for every panel: messages, pushes, a group, a refused handshake, and answers of several kinds."""

    async def client(node):
        async with websockets.connect(f"ws://{node}/ws?welcome=on") as socket:
            identity = json.loads(await socket.recv())["id"]
            status, _ = await asyncio.to_thread(get, f"http://{node}/api/groups/g/connections/{identity}", key, None, "PUT")
            assert status == 204, status
            while True:
                await socket.send("hello")
                await asyncio.sleep(0.05)

    async def visitor(node):
        while True:
            async with websockets.connect(f"ws://{node}/echo") as socket:
                await socket.send("hello")
                await socket.recv()
            try:
                await websockets.connect(f"ws://{node}/nowhere")
            except websockets.InvalidStatus:
                pass
            await asyncio.sleep(1)

    async def caller(node):
        while True:
            for path, data in (
                ("connections/broadcast", {"message": "all"}),
                ("groups/g/send", {"data": 1}),
                ("users/nobody/send", {"message": "?"}),
                ("connections/broadcast", {"mesage": "refused"}),
            ):
                await asyncio.to_thread(get, f"http://{node}/api/{path}", key, json.dumps(data).encode())
            await asyncio.to_thread(get, f"http://{node}/api/connections", key)
            await asyncio.sleep(0.2)

    # A node that is killed ends its own traffic only.
    await asyncio.gather(*(task(node) for node in nodes for task in (client, client, visitor, caller)), return_exceptions=True)


# --- queries


def series(node, key):
    """The metrics of a node: the values of each label, by name."""
    status, body = get(f"http://{node}/metrics", key)
    assert status == 200, f"/metrics: {status}"
    found = {}
    for line in body.splitlines():
        match = re.match(r"(\w+)(?:\{(.*)\})? ", line)
        if match and not line.startswith("#"):
            labels = found.setdefault(match[1], {})
            for name, value in re.findall(r'(\w+)="([^"]*)"', match[2] or ""):
                labels.setdefault(name, set()).add(value)
    return found


def check_names(expression, metrics, where, problems):
    """Prometheus has no error for a misspelled metric or label: the result is only empty."""
    for name, selector in re.findall(r"\b(volary_\w+)(?:\{([^}]*)\})?", expression):
        if name not in metrics:
            problems.add(f"{where}: the program has no metric {name}")
            continue
        for label, value in re.findall(r'(\w+)\s*(?:=~|!~|!=|=)\s*"([^"]*)"', selector):
            problems.unless(label in KEYWORDS or label in metrics[name], f"{where}: {name} has no label {label}")
            if label == "reason":
                problems.unless(value in metrics[name].get("reason", ()), f"{where}: no {label} is {value}")
            if label == "route":
                known = metrics[name].get("route", set()) | ROUTES
                for part in value.split("|"):
                    problems.unless(part in known, f"{where}: no route is {part}")
    labels = {label for name in re.findall(r"volary_\w+", expression) for label in metrics.get(name, ())} | KEYWORDS
    for group in re.findall(r"\b(?:by|on|group_left) ?\(([^)]*)\)", expression):
        for label in filter(None, (label.strip() for label in group.split(","))):
            problems.unless(label in labels, f"{where}: no metric has the label {label}")


def check_queries(prometheus, node, key):
    problems, metrics = Problems(), series(node, key)
    dashboard = json.loads(pathlib.Path("deploy/monitoring/dashboard.json").read_text())
    shown, count = set(), 0
    identifiers = [panel["id"] for panel in dashboard["panels"]]
    problems.unless(len(identifiers) == len(set(identifiers)), "two panels have the same id")
    places = {}
    for panel in dashboard["panels"]:
        box = panel["gridPos"]
        problems.unless(box["x"] + box["w"] <= 24, f"{panel['title']} is wider than the dashboard")
        for cell in ((x, y) for x in range(box["x"], box["x"] + box["w"]) for y in range(box["y"], box["y"] + box["h"])):
            other = places.setdefault(cell, panel["title"])
            problems.unless(other == panel["title"], f"{panel['title']} lies over {other}")
        for target in panel.get("targets", []):
            count += 1
            where, expression = f"dashboard, {panel['title']}", target["expr"]
            shown |= set(re.findall(r"volary_\w+", expression))
            check_names(expression, metrics, where, problems)
            for name, value in VARIABLES.items():
                expression = expression.replace(name, value)
            problems.unless("$" not in expression, f"{where}: unknown variable in {expression}")
            now = time.time()
            data, error = api(prometheus, "query_range", query=expression, start=now - 5, end=now, step=1)
            if error:
                problems.add(f"{where}: {error}")
                continue
            problems.unless(data["result"], f"{where}: no result for {expression}")
            names = set().union(*(entry["metric"] for entry in data["result"])) if data["result"] else set()
            for label in re.findall(r"\{\{(\w+)\}\}", target["legendFormat"]):
                absent = label not in names and not re.search(r"\bvector\(", expression)
                problems.unless(not absent, f"{where}: the legend names {label}, which the result does not have")
    for variable in dashboard["templating"]["list"]:
        match = re.fullmatch(r"label_values\((.+), (\w+)\)", variable["query"])
        if match:
            count += 1
            selector = match[1].replace("$job", "volary")
            data, error = api(prometheus, f"label/{match[2]}/values", **{"match[]": selector})
            problems.unless(data and not error, f"variable {variable['name']}: no values ({error})")

    rules = [rule for group in yaml.safe_load(pathlib.Path("deploy/monitoring/rules.yaml").read_text())["groups"] for rule in group["rules"]]
    for rule in rules:
        check_names(rule["expr"], metrics, rule["alert"], problems)
    data, _ = api(prometheus, "rules")
    states = {rule["name"]: rule for group in data["groups"] for rule in group["rules"]}
    problems.unless(set(states) == {rule["alert"] for rule in rules}, "Prometheus has other rules than the file")
    for name, rule in states.items():
        problems.unless(rule["health"] == "ok", f"{name}: {rule.get('lastError') or rule['health']}")
        problems.unless(rule["state"] != "firing", f"{name} fires while all is well")
    problems.end()
    print(f"  {count} queries of the dashboard have results, {len(rules)} rules work and are quiet")
    missing = sorted(set(metrics) - shown)
    if missing:
        print(f"  not on the dashboard: {', '.join(missing)}")


def wait(seconds, condition, failure):
    deadline = time.monotonic() + seconds
    while not (result := condition()):
        if time.monotonic() > deadline:
            sys.exit(failure)
        time.sleep(0.2)
    return result


def check_alert(prometheus, name):
    def firing():
        return any(entry["labels"]["alertname"] == name and entry["state"] == "firing" for entry in api(prometheus, "alerts")[0]["alerts"])

    wait(20, firing, f"{name} does not fire")
    print(f"  {name} fires")


def check_reasons(node, key):
    def reasons():
        body = json.loads(get(f"http://{node}/readyz", key)[1])
        return [body[part]["reason"] for part in ("relay", "presence") if body[part]["reason"]]

    for reason in wait(10, reasons, "the node is still ready"):
        if not is_in_runbook(reason):
            sys.exit(f"deploy/RUNBOOK.md has no section for the readiness reason {reason!r}")
        print(f"  {reason}")


ROUTES = set(json.loads(pathlib.Path("Sources/Node/HTTP/OpenAPI/openapi.json").read_text())["paths"]) | {"/ws", "/echo", "/", "other"}
command, *arguments = sys.argv[1:]
match command:
    case "traffic":
        asyncio.run(traffic(arguments[:-1], arguments[-1]))
    case "queries":
        check_queries(*arguments)
    case "fires":
        check_alert(*arguments)
    case "reasons":
        check_reasons(*arguments)
    case _:
        sys.exit(f"no command is {command}")
