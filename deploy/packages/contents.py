"""Checks that what is packed is complete: the bill of materials, the notices, the manual and the completions.

    contents.py SBOM FOLDER

FOLDER is the unpacked tarball. Run in the root of the repository.
"""

import json
import pathlib
import re
import subprocess
import sys

bill, folder = json.loads(pathlib.Path(sys.argv[1]).read_text()), pathlib.Path(sys.argv[2])
volary = folder / "volary"
problems = []


def unless(condition, text):
    if not condition:
        problems.append(text)


listed = {package["name"]: package for package in bill["packages"]}
links = {relation["relatedSpdxElement"]: relation["relationshipType"] for relation in bill["relationships"]}
for pin in json.loads(pathlib.Path("Package.resolved").read_text())["pins"]:
    package = listed.get(pin["identity"], {})
    unless(package.get("versionInfo") == pin["state"].get("version"), f"{pin['identity']} is not listed with its version")
    unless(package.get("licenseDeclared", "NOASSERTION") != "NOASSERTION", f"{pin['identity']} is listed without a license")
for name in ("boringssl in swift-crypto", "boringssl in swift-nio-ssl", "llhttp in swift-nio", "xkcp in swift-crypto", "zlib in swift-nio-extras"):
    unless(listed.get(name, {}).get("versionInfo"), f"{name} is not listed with its version")
# FoundationEssentials has no ICU. A call of one function that only the whole of Foundation has adds 34 MB of data and 16 MB of code.
unless(b"icudt" not in volary.read_bytes(), "the program contains ICU: something uses more of Foundation than FoundationEssentials")
needed = re.findall(r"NEEDED +(\S+)", subprocess.run(["objdump", "-p", volary], capture_output=True, text=True, check=True).stdout)
for library in needed:
    # libhiredis.so.0.14 is in libhiredis0.14, libz.so.1 in zlib1g; what else a C program needs is in libc6.
    name = {"libz": "zlib1g", "libstdc++": "libstdc++6", "libgcc_s": "libgcc-s1"}.get(library.split(".so")[0], library.replace(".so.", ""))
    unless(any(other in listed for other in (name, "libc6") if other == name or re.match(r"lib[cm]\.|ld-", library)), f"{library} is not listed")

copyright = (folder / "copyright").read_text()
for name, package in listed.items():
    if links.get(package["SPDXID"]) == "STATIC_LINK":
        unless(f"  {name}" in copyright, f"{name} is not in the file copyright")
notices = (folder / "NOTICES").read_text()
for text in ("Apache License", "Runtime Library Exception", "Permission is hereby granted", "BSD-3-Clause", "The SwiftNIO Project"):
    unless(text in notices, f"NOTICES does not contain {text!r}")

flags = set(re.findall(r"^  (--[a-z0-9-]+)", subprocess.run([volary, "serve", "--help"], capture_output=True, text=True, check=True).stdout, re.M)) - {"--version"}
unless(len(flags) > 50, "volary serve --help lists no options")
manual = (folder / "volary.1").read_text().replace("\\-", "-")
for flag in flags:
    unless(f"\\fB{flag}\\fR" in manual, f"{flag} is not in the manual")
    for file in ("volary.bash", "_volary"):
        unless(re.search(rf"{flag}\b", (folder / "completions" / file).read_text()), f"{flag} is not in {file}")
    unless(f"-l '{flag[2:]}'" in (folder / "completions/volary.fish").read_text(), f"{flag} is not in volary.fish")

for problem in problems:
    print(f"  {problem}", file=sys.stderr)
if problems:
    sys.exit(f"{len(problems)} problem(s) in what is packed")
print(f"  {len(listed)} packages are listed; the manual and the completions have {len(flags)} options")
