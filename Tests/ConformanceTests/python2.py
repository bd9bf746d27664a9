"""Loads Autobahn|Testsuite's cases, which are written in Python 2, into Python 3.

What PyPI has of it today says that it is for Python 3, but is not. The cases themselves need little: a text of theirs is bytes, so here it is
a text of which each character is one byte (Latin-1), in the source, on the way out and on the way in.
"""

import binascii
import builtins
import importlib.abc
import importlib.machinery
import importlib.util
import pathlib
import re
import sys
import types

from autobahn.websocket.utf8validator import Utf8Validator

CHANGES = (
    (re.compile(r"^(\s*)print\b.*$", re.M), r"\1pass"),
    # Old classes had no common ancestor.
    (re.compile(r"\(object, Case, \)"), "(Case, )"),
    (re.compile(r"binascii\.b2a_hex"), "b2a_hex"),
    (re.compile(r"from autobahn\.websocket\.utf8validator import"), "from python2 import TextValidator as"),
    (re.compile(r"\b(request|accept)(No|Max)(Context|Window)(Takeover|Bits)\b"), lambda name: "_".join(name.groups()).lower()),
    # A case without end, which the suite itself does not run.
    (re.compile(r"^from case9_9_1 import .*$", re.M), ""),
    (re.compile(r"len\(self\.payload\) / "), "len(self.payload) // "),
)


def to_bytes(text):
    return text.encode("latin-1") if isinstance(text, str) else text


class TextValidator(Utf8Validator):
    def validate(self, text):
        return super().validate(to_bytes(text))


class Loader(importlib.machinery.SourceFileLoader):
    def get_code(self, fullname):
        source = pathlib.Path(self.path).read_bytes().decode("latin-1")
        for pattern, replacement in CHANGES:
            source = pattern.sub(replacement, source)
        return compile(source, self.path, "exec")


class Finder(importlib.abc.MetaPathFinder):
    def __init__(self, directory):
        self._directory = directory

    def find_spec(self, fullname, path=None, target=None):
        file = self._directory / f"{fullname}.py"
        if path is None and file.is_file():
            return importlib.util.spec_from_file_location(fullname, file, loader=Loader(fullname, str(file)))
        return None


def load_cases():
    """The list of all case classes, in the suite's order."""
    suite = pathlib.Path(importlib.util.find_spec("autobahntestsuite").origin).parent
    builtins.xrange, builtins.b2a_hex = range, lambda text: binascii.b2a_hex(to_bytes(text)).decode()
    resources = types.ModuleType("pkg_resources")
    resources.resource_filename = lambda package, name: str(suite / name)
    sys.modules["pkg_resources"] = resources
    sys.meta_path.insert(0, Finder(suite / "case"))
    main = suite / "case/__init__.py"
    spec = importlib.util.spec_from_file_location("cases", main, loader=Loader("cases", str(main)))
    cases = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(cases)
    # Pickles of equal lists differ in Python 3 where one list has the same text twice.
    sys.modules["case"].Case.compare = lambda self, one, other: one == other
    return cases.Cases
