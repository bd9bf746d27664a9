#!/usr/bin/env python3
"""The console as a person uses it, in a real Chromium, on a real cluster. A part of deploy/test, which installs what this needs.

    .build/browser-tools/bin/python Tests/BrowserTests/console.py VOLARY [--screenshots DIRECTORY]

VOLARY is the program to run. The first thing that is not as promised ends it with one line and exit status 1.
"""

import argparse
import contextlib
import http.server
import json
import pathlib
import signal
import sys
import threading
import time
import urllib.parse

from playwright.sync_api import Error as PlaywrightError

from browser import Broken, Browser, until
from cluster import ROOT, Cluster

sys.path.append(str(ROOT / "deploy"))
from tour import TEXT, Client, says  # noqa: E402

WATCH_LAYOUT = """
    new PerformanceObserver((list) => {
      for (const entry of list.getEntries()) if (!entry.hadRecentInput) window.shifted = (window.shifted ?? 0) + entry.value;
    }).observe({ type: "layout-shift", buffered: true })"""

# Every text in sight with too little contrast to what is behind it (WCAG 2.2, 1.4.3): 4.5, whatever its size.
PALE = """(() => {
  const channels = (colour) => colour.match(/[\\d.]+/g).map(Number);
  const luminance = (colour) => {
    const [r, g, b] = channels(colour).map((c) => (c /= 255) <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const behind = (element) => {
    for (; element; element = element.parentElement) {
      const colour = getComputedStyle(element).backgroundColor;
      if ((channels(colour)[3] ?? 1) === 1) return colour;
    }
    return "rgb(255, 255, 255)";
  };
  const shows = (element) => element.getClientRects().length && !element.closest(".hidden")
    && (element.matches("input, textarea, select")
      || [...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim()));
  return [...document.body.querySelectorAll("*")].filter(shows).flatMap((element) => {
    const [a, b] = [getComputedStyle(element).color, behind(element)].map(luminance);
    const contrast = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    return contrast < 4.5 ? [`${element.tagName} ${element.textContent.trim().slice(0, 30)}: ${contrast.toFixed(1)}`] : [];
  });
})()"""

# What reaches beyond the right edge of the screen.
WIDE = """[...document.querySelectorAll("*")].filter((element) => !element.closest(".hidden, thead")
    && element.getBoundingClientRect().right > 360.5).map((element) => element.outerHTML.slice(0, 80))"""

REACHABLE = """[...document.querySelectorAll("a[href], button, input, select, textarea, [tabindex='0']")]
    .filter((element) => !element.disabled && element.getClientRects().length)"""


TRIES = """new Promise((done) => {
    const socket = new WebSocket(%s);
    socket.onopen = () => done("open");
    socket.onclose = () => done("refused");
  })"""


@contextlib.contextmanager
def other_site():
    """The address of a page of another site: to a browser, `localhost` and 127.0.0.1 are two."""
    class Page(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(b"<!doctype html><title>Another site</title>")

        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Page) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://localhost:{server.server_port}/"
        finally:
            server.shutdown()


class Console:
    def __init__(self, browser, cluster, screenshots):
        self.browser, self.cluster, self.screenshots = browser, cluster, screenshots

    def step(self, text):
        print(f"* {text}", flush=True)

    def expect(self, what, condition):
        if not condition:
            raise Broken(what)

    def nothing_to_complain_of(self):
        self.browser.js("0")  # what was on its way is here now
        self.expect(f"the browser complains: {self.browser.complaints}", not self.browser.complaints)

    def picture(self, name):
        pale = self.browser.js(PALE)
        self.expect(f"too little contrast ({name}): {pale}", not pale)
        if self.screenshots:
            self.browser.js("document.activeElement.blur(), scrollTo(0, 0)")
            self.browser.screenshot(self.screenshots / f"{name}.png")

    # --- the steps

    def loads(self):
        self.step("The page loads through the balancer, without an error, and nothing in it moves.")
        browser = self.browser
        browser.page.add_init_script(WATCH_LAYOUT)
        browser.open(self.cluster.url("balancer"))
        browser.sees("#health", "2 nodes")
        browser.sees("#node-list", "node1", "node2", "live", "heartbeat")
        browser.sees("#flow", "up", "node1", "node2")
        browser.sees("#connections", "0 connections", "complete")
        self.nothing_to_complain_of()
        shifted = browser.js("window.shifted ?? 0")
        self.expect(f"the layout moved by {shifted} while the page loaded", shifted < 0.02)

    def walks_by_keyboard(self):
        self.step("By keyboard alone: connect, say something, push to everyone; every stop can be seen.")
        browser = self.browser
        browser.tab_to("#connect")
        browser.press("Enter")
        browser.sees("#client-state", "Connected.")
        self.expect("the focus went with the button", browser.js("document.activeElement.id") == "disconnect")
        browser.tab_to("#say input")
        browser.type("Hello from the keyboard")
        browser.press("Enter")
        browser.sees("#log", "echo", "message", "Hello from the keyboard", "joined")
        self.expect("what was said stays in the field", browser.js("document.querySelector('#say input').value") == "")
        self.name = browser.text("#flow-sent").split(",")[0]
        browser.tab_to("#send textarea")
        browser.type("Hello from the server")
        browser.tab_to("#send button")
        browser.press("Space")
        browser.sees("#receipt", "1 connection reached", "node1: ", "node2: ", "200")
        browser.sees("#log", "server-broadcast", "Hello from the server")

        everything = browser.js(f"{REACHABLE}.length")
        browser.js(f"{REACHABLE}.forEach((element, index) => (element.dataset.stop = index))")
        browser.js("document.activeElement.blur(), scrollTo(0, 0)")
        stops, unseen = set(), []
        for _ in range(everything + 5):
            browser.press("Tab")
            stop, outline, markup = browser.js(
                "(({ dataset, outerHTML }, style) => [dataset.stop,"
                " style.outlineStyle === 'none' ? 0 : parseFloat(style.outlineWidth), outerHTML.slice(0, 80)])(document.activeElement, getComputedStyle(document.activeElement))")
            if stop is not None:
                stops.add(stop)
                unseen += [markup] if outline < 2 else []
        self.expect(f"Tab reaches {len(stops)} of {everything} controls", len(stops) == everything)
        self.expect(f"the focus cannot be seen on {unseen}", not unseen)
        self.nothing_to_complain_of()

    def sends_bytes(self):
        self.step("Bytes are said and shown in hex; what is no hex is refused, and stays in the field.")
        browser = self.browser
        browser.js("document.querySelector('#say select').value = 'hex'")
        for text in ("0", "00fF 7e"):
            browser.click("#say input")
            browser.js("document.querySelector('#say input').value = ''")
            browser.type(text)
            browser.press("Enter")
            browser.sees("#say-problem", "hex digits" if text == "0" else "")
        browser.sees("#log", "00 ff 7e (3 bytes)")
        browser.js("document.querySelector('#say select').value = 'text'")
        self.nothing_to_complain_of()

    def lists_and_escapes(self):
        self.step("Another client says something that looks like markup: it stays text. Both are listed.")
        browser = self.browser
        self.other = Client("other", urllib.parse.urlsplit(self.cluster.url("node2")))
        evil = "<img src=x onerror=document.title='owned'>"
        self.other.send(TEXT, evil.encode())
        self.other.expect("its message", says(evil, "message"))
        browser.sees("#log", evil)
        self.expect("a message became markup", browser.js("!document.querySelector('img') && document.title === 'Volary'"))
        browser.sees("#page-count", "2 connections")
        until("two rows", lambda: browser.js("document.querySelectorAll('#rows tr').length") == 2)
        browser.sees("#rows", self.name)
        browser.click("#filter input[name=node]")
        browser.type("node2")
        browser.press("Enter")
        there = [each["id"] for each in self.cluster.connections() if each["node"] == "node2"]
        until("the rows of node2", lambda: sorted(there) == browser.js(
            "[...document.querySelectorAll('#rows .id')].map((id) => id.title)"))
        browser.js("document.querySelector('#filter').reset()")
        browser.click("#filter button")
        browser.sees("#page-count", "2 connections")
        self.nothing_to_complain_of()

    def turns_pages(self):
        self.step("25 clients more make a second page; it is reached, and left.")
        browser = self.browser
        crowd = [Client(f"crowd{number}", urllib.parse.urlsplit(self.cluster.url("balancer"))) for number in range(25)]
        browser.sees("#page-number", "Page 1 of 2")
        first = browser.js("document.querySelector('#rows .id').title")
        browser.click("#next-page")
        browser.sees("#page-number", "Page 2 of 2")
        until("seven rows", lambda: browser.js("document.querySelectorAll('#rows tr').length") == 7)
        self.expect("the second page is the last", browser.js("document.querySelector('#next-page').disabled"))
        browser.click("#first-page")
        until("the first page again", lambda: browser.js("document.querySelector('#rows .id').title") == first)
        browser.sees("#flow-clients", "27")
        for client in crowd:
            client.socket.close()
        browser.sees("#page-count", "2 connections")
        self.nothing_to_complain_of()

    def looks_good(self):
        self.step("Light, dark, and on a phone: nothing pale, nothing beyond the edge.")
        browser = self.browser
        for scheme in ("light", "dark"):
            browser.scheme(scheme)
            self.picture(scheme)
        for scheme in ("light", "dark"):
            browser.scheme(scheme)
            browser.size(360, 780, phone=True)
            width, beyond = browser.js("document.documentElement.scrollWidth"), browser.js(WIDE)
            self.expect(f"on a phone the page is {width} wide: {beyond}", width <= 360 and not beyond)
            self.picture(f"phone-{scheme}")
        browser.size(1280, 900)
        browser.scheme("light")

    def closes(self):
        self.step("From its row: a push to one connection reaches it alone; closing it closes it; a second time it is unknown.")
        browser = self.browser
        mine = next(each["id"] for each in self.cluster.connections() if each["id"].startswith(self.name))
        button = f"tr[data-key='{mine}'] button"
        browser.click(f"{button}:first-of-type")
        browser.type("For you alone")
        browser.click("#send button")
        browser.sees("#receipt", "1 connection reached")
        browser.sees("#log", "For you alone")
        self.other.expect_none("what was for another", says("For you alone"))
        browser.click(f"{button}:last-of-type")
        self.expect("the button of the form has the focus", browser.js("document.activeElement.matches('#close button')"))
        browser.js("Object.assign(document.querySelector('#close').elements.code, { value: '4321' })")
        browser.js("document.querySelector('#close').elements.reason.value = 'Enough'")
        browser.press("Enter")
        browser.sees("#closed", "Closed", "204")
        browser.sees("#client-state", "Closed with 4321 Enough.")
        until("the row has gone", lambda: browser.js(f"!document.querySelector({json.dumps(button)})"))
        self.nothing_to_complain_of()
        browser.press("Enter")
        browser.sees("#closed", "404", "No node holds this connection.")
        browser.complaints.clear()  # Chromium tells the console of every 404

    def shows_refusals(self):
        self.step("Should the API ask for credentials one day, the page shows what it says.")
        browser = self.browser
        browser.answer_with(401, json.dumps({"title": "Unauthorized", "status": 401, "detail": "A token is needed."}))
        browser.sees("#health", "401 Unauthorized: A token is needed.", "Next attempt")
        browser.sees("#connections", "401 Unauthorized")
        browser.click("#send button")
        browser.sees("#receipt", "401 Unauthorized", "A token is needed.")
        self.picture("refused")
        browser.answer_with(None, None)
        browser.sees("#health", "2 nodes")
        browser.complaints.clear()

    def shows_many_nodes(self):
        self.step("Twelve nodes, one going away, one silent, one with a name like markup: all are shown as what they are.")
        browser = self.browser
        names = ["<img src=x>", *(f"a-node-with-a-long-name-{number}.example" for number in range(11))]
        browser.answer_with(200, json.dumps({"count": 12, "complete": True, "answeredBy": names[1], "nodes": [
            {"id": f"{number:08x}", "name": name, "connections": number * 1000, "leaseAgeSeconds": 7.5 if number == 2 else 0.4,
             "live": number != 2, "draining": number == 1, "version": "0.1.0", "startedAt": "2026-01-01T00:00:00.000Z"}
            for number, name in enumerate(names)]}), urls="**/api/nodes")
        browser.sees("#node-list", *names, "draining", "expired", "7.5 s ago", "11,000")
        browser.sees("#flow", names[0], "5 more", "66K")
        browser.sees("#health", f"No heartbeat from {names[2]}.")
        self.expect("a name became markup", browser.js("!document.querySelector('img')"))
        self.picture("many")
        browser.size(360, 780, phone=True)
        width, beyond = browser.js("document.documentElement.scrollWidth"), browser.js(WIDE)
        self.expect(f"on a phone the page is {width} wide: {beyond}", width <= 360 and not beyond)
        self.picture("phone-many")
        browser.size(1280, 900)
        browser.answer_with(None, None)
        browser.sees("#health", "2 nodes")
        self.nothing_to_complain_of()

    def loses_redis(self):
        self.step("Redis goes: the page says what is not ready. It comes back: all is well.")
        browser = self.browser
        browser.open(self.cluster.url("node1"))
        browser.sees("#health", "2 nodes")
        self.cluster.kill("redis")
        browser.sees("#health", "not ready", "cannot reach")
        browser.sees("#flow-relay", "down")
        browser.sees("#connections", "Not complete", "node2")
        browser.click("#send textarea")
        browser.type("Into the dark")
        browser.click("#send button")
        browser.sees("#receipt", "202", "Degraded", "node2: no answer")
        self.picture("degraded")
        self.cluster.start("redis")
        browser.sees("#health", "2 nodes")
        browser.sees("#connections", "complete")
        browser.complaints.clear()

    def loses_its_node(self):
        self.step("Its node is killed: the page says so, and is connected again by itself when the node is back.")
        browser = self.browser
        browser.click("#connect")
        browser.sees("#client-state", "Connected.")
        self.cluster.kill("node1")
        browser.sees("#health", "No answer", "cannot be reached", "Next attempt")
        browser.sees("#client-state", "1006", "Next attempt")
        browser.sees("#nodes-title", "as of ")
        self.picture("gone")
        self.cluster.start("node1")
        browser.sees("#client-state", "Connected.", patience=20)
        browser.sees("#health", "2 nodes", patience=20)
        browser.click("#say input")
        browser.type("Back again")
        browser.press("Enter")
        browser.sees("#log", "Back again")
        lines = browser.js("document.querySelectorAll('#log li').length")
        self.expect("the log has lines", lines > 3)

    def bounds_its_log(self):
        self.step("700 messages: the log keeps 500, waits while it is paused, and can be cleared.")
        browser = self.browser
        browser.click("#pause")
        for number in range(700):
            self.other.send(TEXT, f"line {number}.".encode())
        until("the log counts what waits", lambda: "500 new lines or more" in browser.text("#log-count"))
        self.expect("a paused log went on", "line 699." not in browser.text("#log"))
        browser.click("#pause")
        browser.sees("#log", "line 699.")
        self.expect("the log has 500 lines", browser.js("document.querySelectorAll('#log li').length") == 500)
        self.expect("the end is in sight", browser.js(
            "(log => log.scrollTop + log.clientHeight >= log.scrollHeight - 8)(document.querySelector('#log'))"))
        browser.click("#clear")
        self.expect("the log is empty", browser.js("document.querySelectorAll('#log li').length") == 0)
        browser.click("#disconnect")
        browser.sees("#client-state", "Not connected.")

    def refuses_other_sites(self):
        self.step("A page of another site opens no WebSocket and posts nothing, unless it is on the list; then it opens one.")
        browser = self.browser
        with other_site() as site:
            self.cluster.start_alone("listed", "--allowed-origins", site.rstrip("/"))
            client = Client("listener", urllib.parse.urlsplit(self.cluster.url("node2")))
            browser.open(site)
            for name, outcome in (("node2", "refused"), ("listed", "open")):
                for path in ("ws", "echo"):
                    url = self.cluster.url(name).replace("http:", "ws:") + path
                    self.expect(f"{path} of {name} is not {outcome}", browser.js(TRIES % json.dumps(url)) == outcome)
            browser.js("fetch(%s, { method: 'POST', mode: 'no-cors', body: '{\"message\":\"from afar\"}' }).then(() => 0)"
                       % json.dumps(self.cluster.url("node2") + "api/connections/broadcast"))
            client.expect_none("what another site posted", says("from afar"))
            client.socket.close()
        browser.complaints.clear()  # Chromium tells the console of every refusal

    def asks_for_a_key(self):
        self.step("On a node with keys the page loads, asks for one, and works with it; its client sends its own token.")
        browser, key = self.browser, "a-key-of-the-console"
        secret = self.cluster.file("secret", "0123456789abcdef0123456789abcdef")
        self.cluster.start_alone("guarded", "--api-key", key, "--jwt-key", secret)
        browser.open(self.cluster.url("guarded"))
        browser.sees("#access", "This node requires a key or token.")
        browser.sees("#health", "401")
        self.picture("key")
        browser.click("#connect")
        browser.sees("#client-state", "Closed with 1006")
        browser.click("#disconnect")
        browser.complaints.clear()
        browser.click("#access input")
        browser.type(key)
        browser.press("Enter")
        browser.sees("#health", "1 node")
        self.expect("the form stays", browser.js("document.querySelector('#access').hidden"))
        self.expect("the key is in the page", key not in browser.js("document.documentElement.outerHTML"))
        browser.click("#link input[name=token]")
        browser.type(self.cluster.token(secret, "--user", "alice", "--group", "staff"))
        browser.click("#connect")
        browser.sees("#client-state", "Connected.")
        browser.sees("#rows", "alice", "staff")
        browser.click("#send textarea")
        browser.type("With a key")
        browser.click("#send button")
        browser.sees("#receipt", "1 connection reached", "200")
        browser.sees("#log", "With a key")
        browser.click("#say input")
        browser.type("To everybody?")
        browser.press("Enter")
        browser.sees("#log", "Your message was not sent: it needs a token with the permission broadcast.")
        self.nothing_to_complain_of()

    def names_anything(self):
        self.step("Users and groups of any name: shown as they are, found, joined and pushed to; JSON stays JSON.")
        browser, name = self.browser, "/staff, <b>Zoë</b> \u202e+%2F&"
        shown = name.replace("\u202e", "\\u{202e}")
        self.cluster.start_alone("named", "--insecure-user-query")
        browser.open(self.cluster.url("named"))
        browser.click("#link input[name=user]")
        browser.type(name)
        browser.click("#connect")
        browser.sees("#client-state", f"user {shown}", "on named")
        browser.sees("#rows", shown)
        mine = browser.js("document.querySelector('#rows .id').title")
        browser.click("#rows button:nth-of-type(2)")
        browser.type(name)
        browser.click("#membership button")
        browser.sees("#member", "Added", "204")
        for field in ("user", "group"):
            browser.click(f"#filter input[name={field}]")
            browser.type(name)
        browser.click("#filter button")
        browser.sees("#page-count", "1 connection.")
        self.expect("the names are not shown as they are", browser.js(
            "[...document.querySelectorAll('#rows bdi')].map((name) => name.textContent)") == [shown, shown])
        browser.js("document.querySelector('#send select').value = 'group'")
        browser.js("document.querySelector('#send select').dispatchEvent(new Event('change'))")
        browser.click("#send input[name=name]")
        browser.type(name)
        browser.js("document.querySelector('#send').elements.kind.value = 'data'")
        for text, sees in (('{"price":', ("Not sent", "Invalid JSON")), ('{"price": 7.1}', ("1 connection reached", "200"))):
            browser.js("document.querySelector('#send textarea').value = ''")
            browser.click("#send textarea")
            browser.type(text)
            browser.click("#send button")
            browser.sees("#receipt", *sees)
        browser.sees("#log", f"server-broadcast to group {shown}", '{"price":7.1}')
        self.expect("eight digits are not enough", browser.js(
            f"fetch('/api/connections/{mine[:8]}').then((answer) => answer.json()).then(({{ id }}) => id)") == mine)
        self.nothing_to_complain_of()

    def run(self):
        for step in (self.loads, self.walks_by_keyboard, self.sends_bytes, self.lists_and_escapes, self.turns_pages,
                     self.looks_good, self.closes, self.shows_refusals, self.shows_many_nodes, self.loses_redis,
                     self.loses_its_node, self.bounds_its_log, self.refuses_other_sites, self.asks_for_a_key, self.names_anything):
            step()
        self.other.socket.close()  # or its node would wait for it when it stops


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("volary")
    parser.add_argument("--screenshots", type=pathlib.Path)
    arguments = parser.parse_args()
    if arguments.screenshots:
        arguments.screenshots.mkdir(parents=True, exist_ok=True)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    began = time.monotonic()
    cluster = browser = None
    try:
        cluster = Cluster(arguments.volary)
        browser = Browser()
        cluster.settle()
        Console(browser, cluster, arguments.screenshots).run()
    except (Broken, PlaywrightError) as broken:
        if browser and arguments.screenshots:
            browser.screenshot(arguments.screenshots / "broken.png")
        sys.exit(f"console: {broken}")
    finally:
        for each in (browser, cluster):
            if each:
                each.close()
    print(f"The console works as promised ({time.monotonic() - began:.0f} s).")


if __name__ == "__main__":
    main()
