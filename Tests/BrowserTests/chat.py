#!/usr/bin/env python3
"""The example of deploy/run --example chat: the page in a real Chromium, the Python client, and the backend with its pushes and answers. And
an EventSource of that page, which has another origin than the node. A part of deploy/test, which installs what this needs.

    .build/browser-tools/bin/python Tests/BrowserTests/chat.py VOLARY

VOLARY is the program to run. The first thing that is not as promised ends it with one line and exit status 1.
"""

import argparse
import base64
import hashlib
import hmac
import json
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

from playwright.sync_api import Error as PlaywrightError

from browser import Broken, Browser, until
from cluster import ROOT, free_port

KEY = "an access key for the test of the chat"


def expect(what, condition):
    if not condition:
        raise Broken(what)


def request(method, url, body=b"", headers={}):
    """The status and the body of an answer."""
    try:
        with urllib.request.urlopen(urllib.request.Request(url, body, headers, method=method), timeout=10) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def token(audience, **claims):
    def coded(part):
        return base64.urlsafe_b64encode(part).rstrip(b"=")

    def code(part):
        return coded(json.dumps(part).encode())

    signed = code({"alg": "HS256", "typ": "JWT"}) + b"." + code({"aud": audience, "exp": int(time.time()) + 600, **claims})
    return (signed + b"." + coded(hmac.new(KEY.encode(), signed, hashlib.sha256).digest())).decode()


class Example:
    """What deploy/run starts."""

    def __init__(self, volary):
        self.port = free_port()
        self._work = tempfile.TemporaryDirectory(prefix="volary-chat.")
        self._log = pathlib.Path(self._work.name) / "log"
        environment = {name: value for name, value in os.environ.items() if not name.startswith("VOLARY_")}
        environment |= {"VOLARY_BINARY": volary, "VOLARY_ACCESS_KEY": KEY}
        with open(self._log, "wb") as log:
            self._process = subprocess.Popen(
                ["setpriv", "--pdeathsig", "TERM", ROOT / "deploy/run", "--single", "--port", str(self.port), "--example", "chat"],
                env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        until("deploy/run --example chat is up", self._is_up, 120)
        line = next(line for line in self._log.read_text().splitlines() if line.startswith("  backend"))
        self.backend = line.split()[1]
        self.node = f"http://127.0.0.1:{self.port}"

    def _is_up(self):
        expect(f"deploy/run ended: {self._log.read_text()[-800:]}", self._process.poll() is None)
        return "Ctrl-C stops everything" in self._log.read_text()

    def stop(self):
        self._process.terminate()
        status = self._process.wait(30)
        expect(f"deploy/run ended with {status}: {self._log.read_text()[-800:]}", status == 0)

    def close(self):
        if self._process.poll() is None:
            self._process.terminate()
            self._process.wait(30)
        self._work.cleanup()


class Terminal:
    """The Python client."""

    def __init__(self, backend, user, room):
        self._process = subprocess.Popen(
            ["setpriv", "--pdeathsig", "TERM", ROOT / ".build/examples-tools/bin/python", ROOT / "deploy/examples/chat.py", backend, user, room],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        os.set_blocking(self._process.stdout.fileno(), False)
        self._bytes = b""

    def _has(self, line):
        self._bytes += self._process.stdout.read() or b""
        return line.encode() in self._bytes.splitlines()

    def sees(self, line):
        # Its libraries take seconds to load.
        until(f"the terminal has {line!r}", lambda: self._has(line), 60)

    def types(self, line):
        self._process.stdin.write(f"{line}\n".encode())
        self._process.stdin.flush()

    def close(self):
        self._process.stdin.close()
        try:
            expect(f"the Python client ended with {self._process.wait(15)}", self._process.returncode == 0)
        except subprocess.TimeoutExpired:
            self._process.kill()
            raise Broken("the Python client does not end with its input") from None
        finally:
            self._process.stdout.close()


def enters(browser, user, room):
    for name, value in (("#user", user), ("#room", room)):
        if browser.page.locator(name).is_editable():
            browser.page.fill(name, value)
    browser.click("#enter button")
    browser.sees("#state", f"You are in {room}.")


def says(browser, text):
    browser.page.fill("#text", text)
    browser.click("#send button")


def talks(example, browser, bob):
    browser.open(example.backend)
    enters(browser, "ann é", "lobby")
    bob.sees("You are in lobby.")
    says(browser, "Hello <b>Bob</b> 😀")
    browser.sees("#messages", "ann é: Hello <b>Bob</b> 😀")
    bob.sees("ann é: Hello <b>Bob</b> 😀")
    bob.types("Hello Ann")
    browser.sees("#messages", "bob: Hello Ann")
    expect("the backend announces", request("POST", f"{example.backend}/rooms/lobby/announcements", b"Tea.")[0] == 204)
    browser.sees("#messages", "the backend: Tea.")
    bob.sees("the backend: Tea.")


def changes_rooms(browser, bob):
    enters(browser, "ann", "kitchen")
    bob.types("only the lobby")
    bob.sees("bob: only the lobby")
    says(browser, "only the kitchen")
    browser.sees("#messages", "ann é: only the kitchen")
    enters(browser, "ann", "lobby")
    says(browser, "back")
    bob.sees("ann é: back")
    expect("each room has its own messages", "only the lobby" not in browser.text("#messages"))


def connects_again(example, browser, bob):
    url = f"{example.node}/api/hubs/chat/users/ann%20%C3%A9/:closeConnections"
    expect("the backend closes connections", request("POST", url, headers={"Authorization": f"Bearer {token(url)}"})[0] == 204)
    browser.sees("#state", "Disconnected")
    browser.sees("#state", "You are in lobby.")
    bob.types("still there?")
    browser.sees("#messages", "bob: still there?")


def answers_events(example, bob):
    url = f"{example.backend}/events"
    headers = {"ce-type": "azure.webpubsub.sys.connect", "ce-connectionId": "c", "Content-Type": "application/json"}
    expect("an event without a signature is refused", request("POST", url, b"{}", headers)[0] == 401)
    signature = hmac.new(KEY.encode(), b"c", hashlib.sha256).hexdigest()
    headers["ce-signature"] = f"sha256=0,sha256={signature}"
    status, body = request("POST", url, b"{}", headers)
    expect(f"connect: {status} {body}", status == 200 and json.loads(body) == {"groups": ["room.lobby"]})
    status, body = request("POST", url, b"", headers | {"ce-type": "azure.webpubsub.user.roll"})
    expect(f"roll: {status} {body}", status == 200 and body in "123456")
    bob.sees(f"the backend: somebody rolled {body}")
    for kind, expected in (("user.other", 404), ("sys.connected", 204), ("sys.disconnected", 204)):
        expect(kind, request("POST", url, b"{}", headers | {"ce-type": f"azure.webpubsub.{kind}"})[0] == expected)
    expect("the backend allows a node to call it", request("OPTIONS", url)[0] == 200)


def reads_events(example, browser, bob):
    access = token(f"{example.node}/client/hubs/chat", **{"webpubsub.group": ["room.lobby"]})
    browser.js(f"""(() => {{
      window.lines = [];
      window.events = new EventSource("{example.node}/events?hub=chat&access_token={access}");
      window.events.addEventListener("message", ({{ data }}) => window.lines.push(JSON.parse(data).message));
    }})()""")
    until("the EventSource is open", lambda: browser.js("window.events.readyState") == 1)
    # It may read before it is a member of its group.
    for number in range(100):
        bob.types(f"line {number}")
        if browser.js("window.lines.length"):
            break
        time.sleep(0.1)
    until("the EventSource got a line", lambda: browser.js("window.lines.length"))
    expect("a line", browser.js("window.lines[0]").startswith("line "))
    browser.js(f"window.refused = new EventSource('{example.node}/events?hub=other&access_token={access}')")
    until("another hub is refused", lambda: browser.js("window.refused.readyState") == 2)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("volary")
    arguments = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    began = time.monotonic()
    example = browser = bob = None
    try:
        example = Example(arguments.volary)
        browser = Browser()
        bob = Terminal(example.backend, "bob", "lobby")
        talks(example, browser, bob)
        changes_rooms(browser, bob)
        connects_again(example, browser, bob)
        answers_events(example, bob)
        reads_events(example, browser, bob)
        bob.close()
        bob = None
        example.stop()
    except (Broken, PlaywrightError) as broken:
        sys.exit(f"chat: {broken}")
    finally:
        for each in (bob, browser, example):
            if each:
                each.close()
    print(f"The chat of deploy/run --example chat works ({time.monotonic() - began:.0f} s).")


if __name__ == "__main__":
    main()
