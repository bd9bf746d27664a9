#!/usr/bin/env python3
"""A client of HTTP/2 that others wrote, niquests with urllib3.future: WebSockets and requests on one connection.

    http2_niquests.py PORT CERTIFICATE

It takes the place of urllib3, and so needs an environment of its own. It cannot send more than 16,384 bytes at once.
"""

import sys

import niquests

TEXT = "Grüße, 世界 😀"


def check(what, is_true):
    if not is_true:
        sys.exit(f"  niquests: FAILED: {what}")


def main():
    port, certificate = sys.argv[1:]
    with niquests.Session() as session:
        # A variable of the environment would take precedence over the session's setting.
        options = {"verify": certificate}
        answer = session.get(f"https://localhost:{port}/openapi.json", **options)
        check(f"the version {answer.http_version}", answer.http_version == 20)
        check("the document", answer.status_code == 200 and "paths" in answer.json())
        answer = session.post(f"https://localhost:{port}/api/connections/broadcast", json={"message": TEXT}, **options)
        check(f"the broadcast: {answer.status_code}", answer.status_code == 200)
        answer = session.get(f"wss+rfc8441://localhost:{port}/echo", **options)
        check(f"the handshake: {answer.status_code} {answer.http_version}", answer.status_code == 200 and answer.http_version == 20)
        for message in (TEXT, bytes(range(256)), TEXT * 300):
            answer.extension.send_payload(message)
            check("an echo", answer.extension.next_payload() == message)
        answer.extension.ping()
        answer.extension.send_payload("after the ping")
        check("the echo after a ping", answer.extension.next_payload() == "after the ping")
        answer.extension.close()
    print("  niquests: passed")


if __name__ == "__main__":
    main()
