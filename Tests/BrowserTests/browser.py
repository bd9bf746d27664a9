"""One page in a real Chromium, driven by Playwright."""

import os
import shutil
import time

from playwright.sync_api import TimeoutError, sync_playwright

PATIENCE = 15.0  # seconds: the default limit for a condition, enough for a machine with other work to do
HAS_WORDS = "([selector, words]) => words.every((word) => document.querySelector(selector)?.innerText.includes(word))"


class Broken(Exception):
    """Something was not as promised."""


def until(what, test, patience=PATIENCE):
    """Calls `test` until its result is true, and returns that."""
    deadline = time.monotonic() + patience
    while not (value := test()):
        if time.monotonic() > deadline:
            raise Broken(f"not within {patience:g} s: {what}")
        time.sleep(0.05)
    return value


class Browser:
    """A headless Chromium with one page. `complaints`: what the console, the content security policy and scripts report."""

    def __init__(self, *arguments):
        """Arguments are passed to Chromium."""
        self.complaints = []
        self._playwright = sync_playwright().start()
        # The sandbox does not work for root, the usual user of containers. The only page is ours.
        self._chromium = self._playwright.chromium.launch(
            executable_path=shutil.which("chromium"), chromium_sandbox=os.geteuid() != 0, args=["--disable-gpu", *arguments])
        # `size` sets the viewport, because it can change to a phone's at any time; Playwright's own viewport cannot.
        self.page = self._chromium.new_page(no_viewport=True)
        self.page.set_default_timeout(PATIENCE * 1000)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("console", self._console)
        self._session = self.page.context.new_cdp_session(self.page)
        self._session.on("Audits.issueAdded", self._issue)
        self._session.send("Audits.enable")

    def close(self):
        self._chromium.close()
        self._playwright.stop()

    def _console(self, message):
        if message.type in ("error", "warning", "assert"):
            self.complaints.append(f"console: {message.text} {message.location['url']}")

    def _issue(self, about):
        if about["issue"]["code"] == "ContentSecurityPolicyIssue":
            self.complaints.append(f"policy: {about['issue']['details']}")

    def listen(self, event, heard):
        """Calls `heard` with each of these events of the developer tools' protocol, for example Network.responseReceived."""
        self._session.on(event, heard)
        self._session.send(f"{event.split('.')[0]}.enable")

    # --- what a person does and sees

    def open(self, url, width=1280, height=900, phone=False):
        self.size(width, height, phone)
        self.page.goto(url)

    def size(self, width, height, phone=False):
        self._session.send("Emulation.setDeviceMetricsOverride",
                           {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": phone})
        # The layout is final after the second frame: the first one only reports the new size to the page.
        self.js("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")

    def scheme(self, name):
        self.page.emulate_media(color_scheme=name)

    def answer_with(self, status, body, urls="**/api/**"):
        """Answers the page's requests for matching URLs itself, from now on; with status None, the server answers again."""
        self.page.unroute_all()
        if status is not None:
            self.page.route(urls, lambda route: route.fulfill(status=status, body=body, content_type="application/problem+json"))

    def js(self, expression):
        return self.page.evaluate(expression)

    def text(self, selector):
        return self.page.locator(selector).first.inner_text()

    def sees(self, selector, *words, patience=PATIENCE):
        """Waits until the element has all the words in it at once."""
        try:
            self.page.wait_for_function(HAS_WORDS, arg=[selector, words], polling=50, timeout=patience * 1000)
        except TimeoutError:
            raise Broken(f"not within {patience:g} s: {selector} says {words}; it says: {self.text(selector)!r}") from None

    def press(self, key):
        self.page.keyboard.press(key)

    def type(self, text):
        self.page.keyboard.insert_text(text)

    def tab_to(self, selector):
        """Presses Tab until the focus is on the element."""
        for _ in range(150):
            if self.page.evaluate("(selector) => document.activeElement?.matches(selector)", selector):
                return
            self.press("Tab")
        raise Broken(f"Tab does not lead to {selector}")

    def click(self, selector):
        self.page.locator(selector).first.click()

    def screenshot(self, path):
        """Of the whole page, not only of the viewport."""
        self.page.screenshot(path=path, full_page=True)
