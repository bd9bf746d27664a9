"""A real Chromium, driven through the DevTools protocol over a pipe: Python's own library is enough."""

import base64
import fcntl
import json
import os
import pathlib
import select
import subprocess
import tempfile
import time

PATIENCE = 15.0  # seconds: within that, what must come true does, also on a machine with other work to do
KEYS = {  # name: (virtual key code, text)
    "Tab": (9, ""), "Enter": (13, "\r"), "Space": (32, " "), "ArrowDown": (40, ""), "Escape": (27, ""),
}


class Broken(Exception):
    """Something was not as promised."""


def until(what, test, patience=PATIENCE):
    """What `test` gives as soon as that is something."""
    deadline = time.monotonic() + patience
    while not (value := test()):
        if time.monotonic() > deadline:
            raise Broken(f"not within {patience:g} s: {what}")
        time.sleep(0.05)
    return value


class Browser:
    """One headless Chromium with one page in it. `complaints`: of the page's console, its policy and its scripts."""

    def __init__(self):
        self.complaints, self.requests, self._buffer, self._last, self._answers = [], None, b"", 0, {}
        self._home = tempfile.TemporaryDirectory(prefix="volary-browser.", ignore_cleanup_errors=True)
        theirs_in, self._out = os.pipe()
        self._in, theirs_out = os.pipe()
        # Out of the way of 3 and 4, which is where Chromium looks for them.
        theirs = [fcntl.fcntl(fd, fcntl.F_DUPFD, 20) for fd in (theirs_in, theirs_out)]
        os.close(theirs_in), os.close(theirs_out)

        def place():
            os.dup2(theirs[0], 3), os.dup2(theirs[1], 4)

        self._process = subprocess.Popen(
            ["setpriv", "--pdeathsig", "KILL", "chromium", "--headless=new", "--remote-debugging-pipe", "--disable-gpu",
             "--no-first-run", "--disable-extensions", "--disable-background-networking", "--disable-component-update",
             "--disable-dev-shm-usage", "--force-device-scale-factor=1", f"--user-data-dir={self._home.name}"]
            # The sandbox does not work for root, which is who containers run things as. The only page is ours.
            + (["--no-sandbox"] if os.geteuid() == 0 else []) + ["about:blank"],
            pass_fds=(3, 4), preexec_fn=place, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for fd in theirs:
            os.close(fd)
        self._session = None
        target = until("a page in the browser", lambda: next(
            (t for t in self.call("Target.getTargets")["targetInfos"] if t["type"] == "page"), None))
        self._session = self.call("Target.attachToTarget", targetId=target["targetId"], flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Audits"):
            self.call(f"{domain}.enable")

    def close(self):
        self._process.kill()
        self._process.wait()
        os.close(self._out), os.close(self._in)
        self._home.cleanup()

    # --- the protocol: one JSON text and a zero byte each way

    def call(self, method, **parameters):
        self._last += 1
        message = {"id": self._last, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        number = self._last
        os.write(self._out, json.dumps(message).encode() + b"\0")
        deadline = time.monotonic() + 60
        while number not in self._answers:
            self._read(deadline - time.monotonic())
        answer = self._answers.pop(number)
        if "error" in answer:
            raise Broken(f"{method}: {answer['error']['message']}")
        return answer["result"]

    def _read(self, seconds):
        if seconds <= 0 or not select.select([self._in], [], [], seconds)[0]:
            raise Broken("the browser does not answer")
        received = os.read(self._in, 1 << 20)
        if not received:
            raise Broken("the browser ended")
        *messages, self._buffer = (self._buffer + received).split(b"\0")
        for message in map(json.loads, messages):
            if "id" in message:
                self._answers[message["id"]] = message
            else:
                self._happened(message["method"], message["params"])

    def _happened(self, event, about):
        if event == "Runtime.exceptionThrown":
            details = about["exceptionDetails"]
            self.complaints.append(details.get("exception", {}).get("description") or details["text"])
        elif event == "Runtime.consoleAPICalled" and about["type"] in ("error", "warning", "assert"):
            self.complaints.append(f"console: {about['args']}")
        elif event == "Log.entryAdded" and about["entry"]["level"] in ("error", "warning"):
            self.complaints.append(f"{about['entry']['source']}: {about['entry']['text']} {about['entry'].get('url', '')}")
        elif event == "Audits.issueAdded" and about["issue"]["code"] == "ContentSecurityPolicyIssue":
            self.complaints.append(f"policy: {about['issue']['details']}")
        elif event == "Fetch.requestPaused":
            self._last += 1
            status, body = self.requests
            os.write(self._out, json.dumps({
                "id": self._last, "method": "Fetch.fulfillRequest", "sessionId": self._session, "params": {
                    "requestId": about["requestId"], "responseCode": status, "body": base64.b64encode(body.encode()).decode(),
                    "responseHeaders": [{"name": "Content-Type", "value": "application/problem+json"}]}}).encode() + b"\0")

    # --- what a person does and sees

    def open(self, url, width=1280, height=900, phone=False):
        self.size(width, height, phone)
        self.call("Page.navigate", url=url)
        until(f"{url} is loaded", lambda: self.js("document.readyState") == "complete" and self.js("location.href") == url)

    def size(self, width, height, phone=False):
        self._size = (width, height, phone)
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=phone)
        # The page has settled when a frame has been drawn after the one in which it heard of it.
        self.js("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")

    def scheme(self, name):
        self.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": name}])

    def answer_with(self, status, body, urls="*/api/*"):
        """From now on the page's requests for such addresses get this answer; with status None, the server's again."""
        if status is None:
            self.call("Fetch.disable")
        else:
            self.requests = (status, body)
            self.call("Fetch.enable", patterns=[{"urlPattern": urls}])

    def js(self, expression):
        result = self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in result:
            raise Broken(f"{expression}: {result['exceptionDetails']['exception']['description']}")
        return result["result"].get("value")

    def text(self, selector):
        return self.js(f"document.querySelector({json.dumps(selector)})?.innerText ?? ''")

    def sees(self, selector, *words, patience=PATIENCE):
        """Waits until the element has all the words in it."""
        try:
            until(f"{selector} says {words}", lambda: all(word in self.text(selector) for word in words), patience)
        except Broken as broken:
            raise Broken(f"{broken}; it says: {self.text(selector)!r}") from None

    def press(self, key):
        code, text = KEYS[key]
        about = {"key": " " if key == "Space" else key, "code": key, "windowsVirtualKeyCode": code}
        self.call("Input.dispatchKeyEvent", type="keyDown" if text else "rawKeyDown", text=text, **about)
        self.call("Input.dispatchKeyEvent", type="keyUp", **about)

    def type(self, text):
        self.call("Input.insertText", text=text)

    def tab_to(self, selector):
        """Tab, from where the focus is, until it is on the element."""
        for _ in range(150):
            if self.js(f"document.activeElement?.matches({json.dumps(selector)})"):
                return
            self.press("Tab")
        raise Broken(f"Tab does not lead to {selector}")

    def click(self, selector):
        x, y = self.js(f"(() => {{ const e = document.querySelector({json.dumps(selector)});"
                       " e.scrollIntoView({ block: 'center' });"
                       " const b = e.getBoundingClientRect(); return [b.x + b.width / 2, b.y + b.height / 2]; })()")
        for event in ("mousePressed", "mouseReleased"):
            self.call("Input.dispatchMouseEvent", type=event, x=x, y=y, button="left", clickCount=1)

    def screenshot(self, path):
        """All of the page: the window grows for it, because what is out of sight is not always painted."""
        width, height, phone = self._size
        self.size(width, self.js("document.documentElement.scrollHeight"), phone)
        image = self.call("Page.captureScreenshot")
        self.size(width, height, phone)
        pathlib.Path(path).write_bytes(base64.b64decode(image["data"]))
