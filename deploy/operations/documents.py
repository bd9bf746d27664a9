"""Checks that the pages for operators name only what exists, and that the runbook has a section for every readiness reason and alert.

    documents.py VOLARY

Run in the root of the repository.
"""

import pathlib
import re
import subprocess
import sys

import yaml

PAGES = ("deploy/OPERATIONS.md", "deploy/RUNBOOK.md")
# Files that name options of the program.
FILES = PAGES + (
    "deploy/systemd/volary.service",
    "deploy/systemd/volary.env",
    "deploy/proxies/nginx.conf",
    "deploy/proxies/Caddyfile",
    "deploy/monitoring/rules.yaml",
    "deploy/monitoring/prometheus.yml",
)
# Sources of readiness reasons: the links to Redis, and presence.
REASON_SOURCES = ("Sources/Backplane", "Sources/Node/Cluster/Presence")
# Idempotency, logs, histories, sessions and lists are not part of readiness; a node without Redis has no reasons but the end.
OTHER_SOURCES = ("/Idempotency/", "/Memory/", "/History/", "/Sessions/", "LogKey.swift", "/Inventory.swift")
# Files whose functions return reasons; the others pass them to a function, or assign them.
FILES_OF_REASONS = ("RedisLink+describe.swift", "BrokerHealthReporter.swift", "NodeName.swift", "StartRefusal.swift", "RedisKeyTypes.swift", "RedisVersion.swift")
# A connection that only asked for the role of a server; a literal with nothing but another reason in it; a refused message.
NEVER_SHOWN = {"seen", "something", "unknown command", "the connection was closed each time, by itself too"}
# Texts of the operating system, and codes of Redis, with which a reason may begin.
ERRORS = {
    "Connection refused", "Connection reset by peer", "No route to host", "Network is unreachable", "Broken pipe",
    "NOPERM", "NOAUTH", "WRONGPASS", "READONLY", "MASTERDOWN", "LOADING", "OOM", "PING was refused: LOADING", "ERR max number of clients reached",
}  # fmt: skip
# Options of other programs in the pages.
FOREIGN = {
    "--bigkeys", "--latency", "--pattern", "--scan", "--previous", "--fault", "--help", "--noout", "--now",
}  # fmt: skip


class Problems:
    """Problems are collected, so that one run shows all of them."""

    def __init__(self):
        self.found = []

    def add(self, text):
        if text not in self.found:
            self.found.append(text)

    def unless(self, condition, text):
        if not condition:
            self.add(text)

    def end(self):
        """Ends the program when there are any."""
        for text in self.found:
            print(f"  {text}", file=sys.stderr)
        if self.found:
            sys.exit(f"{len(self.found)} problem(s) in what operators use")


def options(volary):
    """The options of `volary serve` by flag, with the name of their variable and their default."""
    text = subprocess.run([volary, "serve", "--help"], capture_output=True, text=True, check=True).stdout
    found = {}
    for entry in re.split(r"\n(?=  --)", text)[1:]:
        flag = re.match(r"  (--[a-z0-9-]+)", entry)[1]
        default = re.search(r"\(default:\s+(\S+)\)", entry)
        found[flag] = {"variable": "VOLARY_" + flag[2:].upper().replace("-", "_"), "default": default and default[1]}
    return found


def blocks(path):
    """The code blocks of a page that the check runs: by the name in the comment before them."""
    text = pathlib.Path(path).read_text()
    return dict(re.findall(r"<!-- check: (\w+) -->\n```sh\n(.*?)```", text, re.S))


def anchors(text):
    """The anchors of a page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.*)$", re.sub(r"^```.*?^```", "", text, flags=re.S | re.M), re.M)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def sample(text):
    """A literal of Swift as it may be reported: with a word for each interpolation."""
    result, depth, index = "", 0, 0
    while index < len(text):
        character = text[index]
        if depth:
            depth += {"(": 1, ")": -1}.get(character, 0)
        elif text.startswith("\\(", index):
            result, depth, index = result + "something", 1, index + 1
        elif character == "\\":
            index += 1
            result += text[index : index + 1]
        else:
            result += character
        index += 1
    return result


def source_reasons():
    """Samples of the readiness reasons in the source, with their place."""
    literal = r'"((?:[^"\\\n]|\\.)*)"'
    before = r"(?:reason(?:: String)?(?:: | = )|unavailable\(|refused\(|notUsable\(|unreachable\(|masterNotFound\(|refusal = |\.replica: |\.refused\(let reason\): )"
    found = {}
    for root in REASON_SOURCES:
        for path in sorted(pathlib.Path(root).rglob("*.swift")):
            if any(part in str(path) for part in OTHER_SOURCES):
                continue
            text = re.sub(r"^\s*//.*$", "", path.read_text(), flags=re.M)
            texts = re.findall(before + literal, text)
            if path.name in FILES_OF_REASONS:
                texts += re.findall(literal, text)
            samples = [sample(entry) for entry in texts]
            found |= {entry: str(path) for entry in samples if " " in entry or path.name not in FILES_OF_REASONS}
    return {reason: path for reason, path in found.items() if reason not in NEVER_SHOWN}


def runbook_reasons():
    """The reasons in the runbook as patterns, in which `…` stands for any text. Each belongs to a section."""
    text = pathlib.Path("deploy/RUNBOOK.md").read_text()
    section = text.split("\n## A node is not ready\n")[1].split("\n## ")[0]
    found = {}
    for part in re.split(r"\n### ", section)[1:]:
        listed = re.search(r"^Reasons[^:]*: (.*?)(?:\n\n|\Z)", part, re.S | re.M)
        for reason in re.findall(r"`([^`]+)`", listed[1] if listed else ""):
            reason = " ".join(reason.split())
            found[reason] = re.compile(".*".join(re.escape(piece) for piece in reason.split("…")), re.S)
    return found


def is_in_runbook(reason):
    """Whether the runbook has a section for a reason that a node has reported."""
    return any(pattern.fullmatch(reason) for pattern in runbook_reasons().values())


def check_reasons(problems):
    reasons = source_reasons()
    for reason, path in reasons.items():
        problems.unless(is_in_runbook(reason), f"deploy/RUNBOOK.md has no section for the readiness reason {reason!r} ({path})")
    for reason, pattern in runbook_reasons().items():
        known = any(pattern.fullmatch(entry) for entry in reasons) or reason.split(" …")[0] in ERRORS
        problems.unless(known, f"deploy/RUNBOOK.md: no readiness reason is {reason!r}")
    return len(reasons)


def check_alerts(problems):
    groups = yaml.safe_load(pathlib.Path("deploy/monitoring/rules.yaml").read_text())["groups"]
    alerts = {rule["alert"]: rule for group in groups for rule in group["rules"]}
    tests = yaml.safe_load(pathlib.Path("deploy/monitoring/rules-test.yaml").read_text())["tests"]
    tested = {entry["alertname"] for test in tests for entry in test["alert_rule_test"] if entry["exp_alerts"]}
    sections = set(re.findall(r"^### (Volary\w+)$", pathlib.Path("deploy/RUNBOOK.md").read_text(), re.M))
    for name, rule in alerts.items():
        problems.unless(name in sections, f"deploy/RUNBOOK.md has no section for the alert {name}")
        problems.unless(name in tested, f"deploy/monitoring/rules-test.yaml has no test in which {name} fires")
        runbook = rule["annotations"].get("runbook")
        problems.unless(runbook == f"deploy/RUNBOOK.md#{name.lower()}", f"{name}: its runbook is {runbook}")
    for name in sections - set(alerts):
        problems.add(f"deploy/RUNBOOK.md has a section for {name}, which is no alert")
    return len(alerts)


def check_names(problems, volary):
    flags = options(volary)
    variables = {option["variable"] for option in flags.values()}
    for file in FILES:
        text = pathlib.Path(file).read_text()
        for name in set(re.findall(r"\bVOLARY_[A-Z0-9_]*[A-Z0-9]\b", text)):
            problems.unless(name in variables, f"{file}: {name} is no variable of the program")
        if file in PAGES:
            for flag in set(re.findall(r"(?<![\w-])--[a-z][a-z0-9-]+", text)):
                if flag not in FOREIGN and not flag.endswith("-"):
                    problems.unless(flag in flags or flag == "--config", f"{file}: {flag} is no option of the program")


def check_links(problems):
    for page in PAGES:
        text = pathlib.Path(page).read_text()
        for target in re.findall(r"\]\(([^)\s]+)\)", text):
            path, _, anchor = target.partition("#")
            if "://" in target:
                continue
            file = (pathlib.Path(page).parent / path).resolve() if path else pathlib.Path(page)
            if not file.exists():
                problems.add(f"{page}: {target} does not exist")
            elif anchor and file.suffix == ".md":
                problems.unless(anchor in anchors(file.read_text()), f"{page}: {target} has no such heading")
        for path in re.findall(r"\bdeploy/[\w./+-]*\w", text):
            problems.unless(pathlib.Path(path).exists(), f"{page}: {path} does not exist")


if __name__ == "__main__":
    problems = Problems()
    reasons, alerts = check_reasons(problems), check_alerts(problems)
    check_names(problems, sys.argv[1])
    check_links(problems)
    problems.end()
    print(f"  {reasons} readiness reasons and {alerts} alerts have their sections")
