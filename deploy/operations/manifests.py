"""Validates deploy/kubernetes: builds it with Kustomize, checks every object against Kubernetes' schemas, and checks what no schema can:
that the parts fit together, and fit the program.

    manifests.py KUBECTL VOLARY

Run in the root of the repository.
"""

import json
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

import kubernetes_validate
import yaml

from documents import Problems, blocks, options
from tools import VERSIONS

# Seconds after --drain-delay and --drain-timeout after which the process ends in any case.
LONGEST_END = 7
problems = Problems()


def build(kubectl, folder):
    result = subprocess.run([kubectl, "kustomize", folder], capture_output=True, text=True)
    if result.returncode:
        sys.exit(f"kubectl kustomize {folder}: {result.stderr.strip()}")
    return [item for item in yaml.safe_load_all(result.stdout) if item]


def name_of(item):
    return f"{item['kind']} {item['metadata']['name']}"


# --- schemas

SIMPLE = {
    "text": lambda value: isinstance(value, str) and value != "",
    "path": lambda value: isinstance(value, str) and value.startswith("/"),
    "time": lambda value: isinstance(value, str) and re.fullmatch(r"\d+(ms|s|m|h)", value),
    "number": lambda value: isinstance(value, int) and 0 < value < 65536,
    "labels": lambda value: set(value) <= {"matchLabels", "matchExpressions"} and value,
    "any": lambda value: value,
}


def closed(value, schema, where):
    """Checks a value against a schema of crds.yaml."""
    if isinstance(schema, dict):
        for key in value:
            if key not in schema:
                problems.add(f"{where}: unknown field {key}")
            else:
                closed(value[key], schema[key], f"{where}.{key}")
    elif isinstance(schema, list) and isinstance(value, list):
        for entry in value:
            closed(entry, schema[0], where)
    elif isinstance(schema, list):
        problems.unless(value in schema, f"{where} is {value!r}, not one of {schema}")
    else:
        problems.unless(SIMPLE[schema](value), f"{where} is {value!r}, not a {schema}")


def check_schema(item, customs):
    custom = customs.get(f"{item['apiVersion']} {item['kind']}")
    if custom:
        problems.unless(set(item) == {"apiVersion", "kind", "metadata", "spec"}, f"{name_of(item)}: members {sorted(item)}")
        return closed(item["spec"], custom, f"{name_of(item)} spec")
    for version in VERSIONS:
        try:
            kubernetes_validate.validate(item, version, strict=True)
        except kubernetes_validate.ValidationError as error:
            path = ".".join(str(part) for part in error.path)
            problems.add(f"{name_of(item)}, Kubernetes {version}: {path}: {error.message[:300]}")
        except kubernetes_validate.SchemaNotFoundError as error:
            problems.add(error.message)


# --- parts that must fit together


def selects(selector, labels):
    return bool(selector) and all(labels.get(key) == value for key, value in selector.items())


def check_references(items):
    pods = [(item, item["spec"]["template"]) for item in items if item["kind"] == "Deployment"]
    labels = [template["metadata"]["labels"] for _, template in pods]
    secrets = {item["metadata"]["name"]: item.get("data", {}) for item in items if item["kind"] == "Secret"}
    services = {item["metadata"]["name"]: item for item in items if item["kind"] == "Service"}

    for item in items:
        kind, spec, name = item["kind"], item.get("spec", {}), name_of(item)
        if kind == "Service":
            chosen = [template for _, template in pods if selects(spec["selector"], template["metadata"]["labels"])]
            problems.unless(len(chosen) == 1, f"{name} selects {len(chosen)} deployments")
            ports = {port["name"] for template in chosen for port in template["spec"]["containers"][0]["ports"]}
            for port in spec["ports"]:
                problems.unless(port["targetPort"] in ports, f"{name}: no container port is called {port['targetPort']}")
        elif kind == "Deployment":
            problems.unless(selects(spec["selector"]["matchLabels"], spec["template"]["metadata"]["labels"]), f"{name} does not select its pods")
            for spread in spec["template"]["spec"].get("topologySpreadConstraints", []):
                chosen = spread["labelSelector"]["matchLabels"]
                problems.unless(selects(chosen, spec["template"]["metadata"]["labels"]), f"{name}: a spread constraint selects other pods")
        elif kind in ("PodDisruptionBudget", "NetworkPolicy"):
            selector = spec["selector" if kind == "PodDisruptionBudget" else "podSelector"]["matchLabels"]
            problems.unless(any(selects(selector, entry) for entry in labels), f"{name} selects no pod")
        elif kind == "ServiceMonitor":
            chosen = [service for service in services.values() if selects(spec["selector"]["matchLabels"], service["metadata"].get("labels", {}))]
            problems.unless(len(chosen) == 1, f"{name} selects {len(chosen)} services")
            for endpoint in spec["endpoints"]:
                ports = {port["name"] for service in chosen for port in service["spec"]["ports"]}
                problems.unless(endpoint["port"] in ports, f"{name}: no port of the service is called {endpoint['port']}")
                key = endpoint["authorization"]["credentials"]
                problems.unless(key["key"] in secrets.get(key["name"], {}), f"{name}: no secret {key}")
        elif kind == "Ingress":
            for rule in spec["rules"]:
                for path in rule["http"]["paths"]:
                    target = path["backend"]["service"]
                    ports = services.get(target["name"], {"spec": {"ports": []}})["spec"]["ports"]
                    problems.unless(target["port"]["name"] in {port["name"] for port in ports}, f"{name}: no service {target}")
        elif kind == "HTTPRoute":
            for target in (entry for rule in spec["rules"] for entry in rule["backendRefs"]):
                ports = services.get(target["name"], {"spec": {"ports": []}})["spec"]["ports"]
                problems.unless(target["port"] in {port["port"] for port in ports}, f"{name}: no service {target}")

    for item, template in pods:
        for volume in template["spec"].get("volumes", []):
            if "secret" in volume:
                problems.unless(volume["secret"]["secretName"] in secrets, f"{name_of(item)}: no secret {volume['secret']['secretName']}")
        for container in template["spec"]["containers"]:
            mounts = {mount["name"] for mount in container.get("volumeMounts", [])}
            problems.unless(mounts <= {volume["name"] for volume in template["spec"]["volumes"]}, f"{name_of(item)}: unknown volumes {mounts}")
            for variable in container.get("env", []):
                reference = variable.get("valueFrom", {}).get("secretKeyRef")
                if reference:
                    problems.unless(reference["key"] in secrets.get(reference["name"], {}), f"{name_of(item)}: no secret {reference}")


def published(items):
    """The paths that the outside may ask for, with how they are compared."""
    found = set()
    for item in items:
        if item["kind"] == "Ingress":
            found |= {(path["pathType"].removeprefix("Path"), path["path"]) for rule in item["spec"]["rules"] for path in rule["http"]["paths"]}
        elif item["kind"] == "HTTPRoute":
            found |= {(match["path"]["type"].removeprefix("Path"), match["path"]["value"]) for rule in item["spec"]["rules"] for match in rule["matches"]}
    return found


# --- the program


def seconds(text):
    match = re.fullmatch(r"(\d+)(ms|s|m|h)", text) or sys.exit(f"{text} is no time")
    return int(match[1]) * {"ms": 0.001, "s": 1, "m": 60, "h": 3600}[match[2]]


def check_program(items, volary):
    node = next(item for item in items if name_of(item) == "Deployment volary")["spec"]["template"]["spec"]
    container = node["containers"][0]
    names = {option["variable"] for option in options(volary).values()}
    values = {entry["name"]: entry.get("value") for entry in container["env"]}
    for name in values:
        problems.unless(name in names, f"{name} is no variable of the program")
    end = seconds(values["VOLARY_DRAIN_DELAY"]) + seconds(values["VOLARY_DRAIN_TIMEOUT"]) + LONGEST_END
    grace = node["terminationGracePeriodSeconds"]
    problems.unless(grace >= end, f"terminationGracePeriodSeconds is {grace}, but a node may need {end:.0f} s to end")
    keys = {mount["mountPath"] for mount in container["volumeMounts"]}
    for name in ("VOLARY_API_KEYS", "VOLARY_JWT_KEY"):
        problems.unless(str(pathlib.PurePath(values[name]).parent) in keys, f"{name} is {values[name]}, where nothing is mounted")
    paths = json.loads(pathlib.Path("Sources/Node/HTTP/OpenAPI/openapi.json").read_text())["paths"]
    for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
        path = container[probe]["httpGet"]["path"]
        problems.unless(path in paths, f"{probe}: {path} is not in openapi.json")
        problems.unless((path == "/readyz") == (probe == "readinessProbe"), f"{probe} asks for {path}")
    port = {entry["name"]: entry["containerPort"] for entry in container["ports"]}["http"]
    problems.unless(str(port) == options(volary)["--port"]["default"], f"the container port is {port}")
    user = re.search(r"--uid (\d+)", pathlib.Path("deploy/Dockerfile").read_text())
    problems.unless(user and node["securityContext"]["runAsUser"] == int(user[1]), "the user is not the one of deploy/Dockerfile")

    # Starts with these options, as far as they do not depend on the machine.
    with tempfile.TemporaryDirectory() as folder:
        environment = {name: value for name, value in values.items() if value}
        for name in ("api-keys", "jwt-key"):
            shutil.copy(f"{SECRETS}/{name}", folder)
        environment |= {"VOLARY_API_KEYS": f"{folder}/api-keys", "VOLARY_JWT_KEY": f"{folder}/jwt-key"}
        environment |= {"VOLARY_HOST": "0.0.0.0", "VOLARY_PORT": "0", "VOLARY_MAX_CONNECTIONS": "100"}
        process = subprocess.Popen([volary, *container["args"]], env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        lines = []
        for line in process.stdout:
            lines.append(line)
            if "Server started" in line:
                break
        process.kill()
        process.wait()
        problems.unless(lines and "Server started" in lines[-1], f"a node with these options says: {''.join(lines).strip()}")


kubectl, volary = sys.argv[1:3]
customs = yaml.safe_load(pathlib.Path(__file__).with_name("crds.yaml").read_text())
commands = blocks("deploy/OPERATIONS.md")
with tempfile.TemporaryDirectory() as scratch:
    shutil.copytree("deploy/kubernetes", f"{scratch}/kubernetes", ignore=shutil.ignore_patterns("secrets"))
    example = f"{scratch}/kubernetes/example"
    # The commands of the page make the secrets that the example names.
    subprocess.run(["bash", "-euc", commands["secrets"]], cwd=example, check=True)
    SECRETS = f"{example}/secrets"
    installation = build(kubectl, example)
    file = pathlib.Path(example, "kustomization.yaml")
    file.write_text(file.read_text().replace("components/ingress", "components/gateway"))
    other = build(kubectl, example)
    subprocess.run(["bash", "-euc", commands["rule"].replace("> volary-rules.yaml", f"> {scratch}/rules.yaml")], check=True)
    rule = yaml.safe_load(pathlib.Path(scratch, "rules.yaml").read_text())

    for item in installation + [item for item in other if item["kind"] in ("Gateway", "HTTPRoute")] + [rule]:
        check_schema(item, customs)
    check_references(installation)
    check_references(other)
    problems.unless(published(installation) == published(other), "the Ingress and the Gateway publish different paths")
    check_program(installation, volary)
    problems.unless(rule["spec"] == yaml.safe_load(pathlib.Path("deploy/monitoring/rules.yaml").read_text()), "the PrometheusRule has other rules")
problems.end()
print(f"  {len(installation)} objects with an Ingress, {len(other)} with a Gateway, schemas of {' and '.join(VERSIONS)}")
