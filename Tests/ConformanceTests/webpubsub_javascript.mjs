// The official JavaScript client of Web PubSub, under Deno, against two nodes of one cluster.
//
//     deno run … webpubsub_javascript.mjs PROTOCOL URL URL
//
// PROTOCOL is json or reliable. The URLs are client access URLs of two nodes: of the user ann with all roles, and of the user bob with the
// roles of the groups `g` and `many` only. Prints a list; the exit status is 1 after a failure.

import { WebPubSubClient } from "client/webPubSubClient";
import { WebPubSubJsonProtocol, WebPubSubJsonReliableProtocol } from "client/protocols";

const SECONDS = 10;
const [kind, ...urls] = Deno.args;

function check(what, isTrue) {
  if (!isTrue) throw new Error(what);
}

async function within(what, promise) {
  let timer;
  const late = new Promise((_, reject) => (timer = setTimeout(() => reject(new Error(`too late: ${what}`)), SECONDS * 1000)));
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

class Client {
  constructor(url) {
    this.messages = [];
    this.waiters = [];
    this.client = new WebPubSubClient(url, {
      protocol: kind === "reliable" ? WebPubSubJsonReliableProtocol() : WebPubSubJsonProtocol(),
      messageRetryOptions: { maxRetries: 0 },
    });
    this.client.on("group-message", (event) => {
      this.messages.push(event.message);
      for (const wake of this.waiters.splice(0)) wake();
    });
  }

  async start() {
    const connected = new Promise((resolve) => this.client.on("connected", resolve));
    await within("start", this.client.start());
    return await within("connected", connected);
  }

  async take() {
    while (this.messages.length === 0) await within("a message", new Promise((resolve) => this.waiters.push(resolve)));
    return this.messages.shift();
  }

  async stop() {
    const stopped = new Promise((resolve) => this.client.on("stopped", resolve));
    this.client.stop();
    await within("stopped", stopped);
  }
}

// The name of the error with which an action fails; undefined when it does not fail.
async function failure(promise) {
  try {
    await within("a failure", promise);
  } catch (error) {
    check(`it fails with an answer, not with ${error}`, error.name === "SendMessageError");
    return error.errorDetail?.name;
  }
}

const [ann, bob] = urls.map((url) => new Client(url));

const rows = {
  "connect, as the user of the token": async () => {
    const events = [await ann.start(), await bob.start()];
    check("each has its user", events.map((event) => event.userId).join() === "ann,bob");
    check("and its id", new Set(events.map((event) => event.connectionId)).size === 2);
  },
  "join a group": async () => {
    for (const { client } of [ann, bob]) {
      const result = await within("join", client.joinGroup("g"));
      check("it is acknowledged", result.ackId > 0 && !result.isDuplicated);
    }
  },
  "join without a role fails": async () => check("Forbidden", (await failure(bob.client.joinGroup("other"))) === "Forbidden"),
  "send to a group, with an acknowledgment, to members on both nodes": async () => {
    const result = await within("send", ann.client.sendToGroup("g", "hello", "text"));
    check("it is acknowledged", result.ackId > 0 && !result.isDuplicated);
    for (const member of [ann, bob]) {
      const message = await member.take();
      check("the text", message.data === "hello" && message.dataType === "text" && message.group === "g");
      check("the sender", message.fromUserId === "ann");
    }
  },
  "without an echo": async () => {
    await within("send", ann.client.sendToGroup("g", "quiet", "text", { noEcho: true }));
    check("the other member", (await bob.take()).data === "quiet");
    check("not the sender", ann.messages.length === 0);
  },
  "JSON and bytes": async () => {
    const json = { number: 1.5, list: [null, "é", "😀"] };
    await within("send", bob.client.sendToGroup("g", json, "json"));
    await within("send", bob.client.sendToGroup("g", new Uint8Array([0, 255, 7]).buffer, "binary"));
    for (const member of [ann, bob]) {
      check("JSON", JSON.stringify((await member.take()).data) === JSON.stringify(json));
      check("bytes", new Uint8Array((await member.take()).data).join() === "0,255,7");
    }
  },
  "the same acknowledgment id again is a duplicate, and is not sent": async () => {
    const options = { ackId: 1_000_000, noEcho: true };
    await within("send", ann.client.sendToGroup("g", "once", "text", options));
    const again = await within("send", ann.client.sendToGroup("g", "twice", "text", options));
    check("it is a duplicate", again.isDuplicated);
    await within("send", ann.client.sendToGroup("g", "end", "text", { noEcho: true }));
    check("it came once", (await bob.take()).data === "once" && (await bob.take()).data === "end");
  },
  "1,000 messages in their order": async () => {
    await within("join", bob.client.joinGroup("many"));
    for (let number = 0; number < 1000; number++) {
      await ann.client.sendToGroup("many", String(number), "text", { fireAndForget: true });
    }
    for (let number = 0; number < 1000; number++) check(`number ${number}`, (await bob.take()).data === String(number));
  },
  "leave": async () => {
    await within("leave", bob.client.leaveGroup("g"));
    await within("send", ann.client.sendToGroup("g", "for others", "text", { noEcho: true }));
    await within("send", ann.client.sendToGroup("many", "for bob", "text"));
    check("nothing of the group", (await bob.take()).data === "for bob");
  },
  "an event without a handler fails": async () => {
    check("its name", (await failure(ann.client.sendEvent("hello", "x", "text"))) === "InternalServerError");
  },
  "stop": async () => {
    for (const client of [ann, bob]) await client.stop();
  },
};

let failed = 0;
for (const [name, row] of Object.entries(rows)) {
  let result = "passed";
  try {
    await row();
  } catch (error) {
    failed += 1;
    result = `FAILED: ${error.message}`;
  }
  console.log(`  JavaScript (${kind}), ${name}: ${result}`);
}
Deno.exit(failed ? 1 : 0);
