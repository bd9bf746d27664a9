"""Makes the page of the manual from the program's own description of its commands, on standard input:

volary --experimental-dump-help | manual.py VERSION
"""

import datetime
import json
import os
import re
import sys


def plain(text):
    """A text as roff takes it: no line may begin with a command, and what looks like a hyphen is one that can be copied."""
    text = text.replace("\\", r"\e").replace("-", r"\-")
    return re.sub(r"^([.'])", r"\&\1", text, flags=re.M)


def entry(argument):
    """One option, or one word without a name."""
    value = f"\\fI{plain(argument['valueName'])}\\fR"
    if argument["kind"] == "positional":
        return f".TP\n{value}\n{plain(argument.get('abstract', ''))}"
    names = ", ".join(f"\\fB{plain(('--' if name['kind'] == 'long' else '-') + name['name'])}\\fR" for name in argument["names"])
    return f".TP\n{names}{'' if argument['kind'] == 'flag' else ' ' + value}\n{plain(argument.get('abstract', ''))}"


def arguments(command):
    """The options of a command, under the titles of their groups."""
    title = None
    for argument in command.get("arguments", []):
        if not argument["shouldDisplay"] or argument["valueName"] in ("help", "version"):
            continue
        if argument.get("sectionTitle") != title:
            title = argument.get("sectionTitle")
            yield f".PP\n{plain(title or 'Other')}:"
        yield entry(argument)


def section(command, path):
    """A command with its own commands below it."""
    name = [*path, command["commandName"]]
    yield f".SS {plain(' '.join(name))}\n{plain(command.get('abstract', ''))}"
    if command.get("discussion"):
        yield f".PP\n{plain(command['discussion'])}"
    yield from arguments(command)
    for other in command.get("subcommands", []):
        if other["commandName"] != "help":
            yield from section(other, name)


program = json.load(sys.stdin)["command"]
date = datetime.datetime.fromtimestamp(int(os.environ["SOURCE_DATE_EPOCH"]), datetime.timezone.utc).strftime("%Y-%m-%d")
lines = [
    f'.TH VOLARY 1 {date} "Volary {sys.argv[1]}"',
    ".SH NAME\nvolary \\- server for the real\\-time connections of an application",
    ".SH SYNOPSIS\n.B volary\n[\\fIcommand\\fR] [\\fIoption\\fR ...]",
    f".SH DESCRIPTION\n{plain(program['abstract'])} Without a command, \\fBvolary serve\\fR.",
    ".SH COMMANDS",
    *(line for command in program["subcommands"] if command["commandName"] != "help" for line in section(command, ["volary"])),
    ".SH EXIT STATUS\n" + plain(re.sub(r"^Exit status: ", "", program["discussion"])),
    ".SH FILES\n.TP\n/etc/volary/volary.env\nOptions of the systemd service volary, as variables.",
]
print("\n".join(lines))
