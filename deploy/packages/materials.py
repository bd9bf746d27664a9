"""What the program consists of: every Swift package, what is vendored in them, Swift's runtime, and Debian's libraries.

    materials.py sbom|copyright|notices ROOT VOLARY VERSION ARCHITECTURE DEPENDS

Prints an SPDX 2.3 document, or Debian's copyright file, or all licenses and notices. The packages are those of ROOT/Package.resolved, with the
licenses in their checkouts; a few of them are resolved, but not linked. DEPENDS is what dpkg-shlibdeps says of the program.
"""

import datetime
import hashlib
import json
import os
import pathlib
import re
import subprocess
import sys
import urllib.parse

# What licenses begin with, in the order in which they are tried.
LICENSES = (
    ("Apache License", "Apache-2.0"),
    ("Permission is hereby granted, free of charge", "MIT"),
)
# What packages have taken from other projects, with the file that says which version, its license, and where it comes from.
VENDORED = (
    ("boringssl", "*BoringSSL/hash.txt", r"revision ([0-9a-f]{40})", "NOASSERTION", "https://boringssl.googlesource.com/boringssl"),
    ("llhttp", "CNIOLLHTTP/include/c_nio_llhttp.h", r"#define LLHTTP_VERSION_(?:MAJOR|MINOR|PATCH) (\d+)", "MIT", "https://github.com/nodejs/llhttp"),
    ("zlib", "CNIOExtrasZlib/vendored-zlib.version", r"([\d.]+)", "Zlib", "https://github.com/madler/zlib"),
    ("xkcp", "CXKCP/vendored-sources.txt", r"-g([0-9a-f]+)\)", "CC0-1.0", "https://github.com/XKCP/XKCP"),
)
EXCEPTION = "Runtime Library Exception"
OUR_LICENSE = "MIT"


class Component:
    def __init__(self, name, version, location, license, url, link, texts=()):
        self.name, self.version, self.location, self.license, self.url, self.link, self.texts = name, version, location, license, url, link, texts


def license_of(text, place):
    for beginning, name in LICENSES:
        if beginning in text:
            return f"{name} WITH Swift-exception" if EXCEPTION in text else name
    sys.exit(f"{place}: this license is not known; add it to materials.py")


def swift_packages(root):
    """The packages of Package.resolved, each followed by what it has taken from other projects."""
    for pin in json.loads((root / "Package.resolved").read_text())["pins"]:
        folder = root / ".build/checkouts" / pathlib.PurePath(pin["location"]).stem
        files = sorted(file for file in folder.iterdir() if re.match(r"(LICENSE|NOTICE)", file.name))
        texts = [file.read_text() for file in files]
        if not texts:
            sys.exit(f"{folder} has no license")
        version, revision = pin["state"].get("version", pin["state"]["revision"]), pin["state"]["revision"]
        place = re.sub(r"^https://|\.git$", "", pin["location"])
        location = f"git+{pin['location']}@{revision}"
        yield Component(pin["identity"], version, location, license_of(texts[0], files[0]), f"pkg:swift/{place}@{version}", "STATIC_LINK", texts)
        for name, pattern, version, license, origin in VENDORED:
            for file in folder.glob(f"Sources/{pattern}"):
                found = ".".join(re.findall(version, file.read_text())) or sys.exit(f"{file} says no version of {name}")
                texts = [other.read_text() for other in [file.parents[1] / "LICENSE"] if other.exists()]
                url = f"pkg:generic/{name}@{found}?download_url={urllib.parse.quote(origin, safe='')}"
                yield Component(f"{name} in {pin['identity']}", found, f"git+{origin}", license, url, "STATIC_LINK", texts)


def runtime():
    """Swift's libraries, which are linked statically. The program does not know their version."""
    yield Component("swift-runtime", None, "https://github.com/swiftlang/swift", "Apache-2.0 WITH Swift-exception", "pkg:github/swiftlang/swift", "STATIC_LINK")


def libraries(depends, architecture):
    """The packages of this system with the libraries that the program loads, as they are installed here."""
    system = re.search(r'^ID="?(\w+)', pathlib.Path("/etc/os-release").read_text(), re.M)[1]
    for name in re.findall(r"(?:^|, )([\w.+-]+)", depends):
        query = ["dpkg-query", "--show", "-f", "${Version}", f"{name}:{architecture}"]
        version = subprocess.run(query, capture_output=True, text=True, check=True).stdout
        url = f"pkg:deb/{system}/{name}@{version.replace('+', '%2B').replace(':', '%3A')}?arch={architecture}"
        yield Component(name, version, "NOASSERTION", "NOASSERTION", url, "DYNAMIC_LINK")


def sbom(volary, version, components):
    digest = hashlib.sha256(volary.read_bytes()).hexdigest()
    created = datetime.datetime.fromtimestamp(int(os.environ["SOURCE_DATE_EPOCH"]), datetime.timezone.utc)
    program = {
        "SPDXID": "SPDXRef-volary",
        "name": "volary",
        "versionInfo": version,
        "downloadLocation": "NOASSERTION",
        "filesAnalyzed": False,
        "primaryPackagePurpose": "APPLICATION",
        "licenseConcluded": OUR_LICENSE,
        "licenseDeclared": OUR_LICENSE,
        "copyrightText": "NOASSERTION",
        "checksums": [{"algorithm": "SHA256", "checksumValue": digest}],
    }
    packages, relations = [program], [("SPDXRef-DOCUMENT", "DESCRIBES", "SPDXRef-volary")]
    for component in components:
        identifier = "SPDXRef-" + re.sub(r"[^A-Za-z0-9.-]", "-", component.name)
        entry = {
            "SPDXID": identifier,
            "name": component.name,
            "downloadLocation": component.location,
            "filesAnalyzed": False,
            "licenseConcluded": component.license,
            "licenseDeclared": component.license,
            "copyrightText": "NOASSERTION",
            "externalRefs": [{"referenceCategory": "PACKAGE-MANAGER", "referenceType": "purl", "referenceLocator": component.url}],
        }
        packages.append(entry | ({"versionInfo": component.version} if component.version else {}))
        relations.append(("SPDXRef-volary", component.link, identifier))
    return {
        "spdxVersion": "SPDX-2.3",
        "dataLicense": "CC0-1.0",
        "SPDXID": "SPDXRef-DOCUMENT",
        "name": f"volary-{version}",
        "documentNamespace": f"https://spdx.org/spdxdocs/volary-{version}-{digest}",
        "creationInfo": {"created": created.strftime("%Y-%m-%dT%H:%M:%SZ"), "creators": ["Tool: deploy/packages/build"]},
        "packages": packages,
        "relationships": [{"spdxElementId": one, "relationshipType": kind, "relatedSpdxElement": other} for one, kind, other in relations],
    }


def copyright(root, components):
    print("Volary\n\n" + (root / "LICENSE").read_text())
    print("The program contains the following. Their licenses and notices are in NOTICES; on Debian the Apache License 2.0 is in")
    print("/usr/share/common-licenses/Apache-2.0.\n")
    for component in components:
        if component.link == "STATIC_LINK":
            print(f"  {' '.join(filter(None, (component.name, component.version)))}: {component.license} ({component.location})")


def notices(components):
    """The licenses and notices of what is linked statically. Each text is there once."""
    owners = {}
    for component in components:
        for text in component.texts:
            owners.setdefault(text.strip("\n"), []).append(component.name)
    for text, names in owners.items():
        print(f"{'-' * 78}\n{', '.join(names)}\n{'-' * 78}\n\n{text}\n")


if __name__ == "__main__":
    kind, root, volary, version, architecture, depends = sys.argv[1], pathlib.Path(sys.argv[2]), pathlib.Path(sys.argv[3]), *sys.argv[4:]
    components = [*swift_packages(root), *runtime(), *libraries(depends, architecture)]
    if kind == "sbom":
        print(json.dumps(sbom(volary, version, components), indent=2))
    elif kind == "copyright":
        copyright(root, components)
    else:
        notices(components)
