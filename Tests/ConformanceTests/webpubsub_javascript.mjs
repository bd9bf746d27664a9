// The official JavaScript client of Web PubSub, under Deno, against three nodes of one cluster.
//
//     deno run … webpubsub_javascript.mjs PROTOCOL URL URL URL NODE NODE NODE
//
// PROTOCOL is json or reliable. The URLs are client access URLs: of the first node for the user ann with all roles, of the second for the
// user bob with the roles of the groups `g` and `many` only, and for the user carol of a port where this program balances. A NODE is the
// port and the process of a node. VOLARY_ACCESS_KEY is the key of the nodes. Prints a list; the exit status is 1 after a failure.

import { Balancer, check, waits } from "./javascript_support.mjs";
import { WebPubSubClient } from "client/webPubSubClient";
import { WebPubSubJsonProtocol, WebPubSubJsonReliableProtocol } from "client/protocols";

const SECONDS = 15;
const [kind, ...rest] = Deno.args;
const urls = rest.slice(0, 3);
const nodes = rest.slice(3).map((text) => ({ port: Number(text.split(":")[0]), process: Number(text.split(":")[1]) }));

const within = waits(SECONDS);

// Nodes in the order in which a connection tries them.
let order = [];
const balancer = new Balancer(() => order);

// A request of a service to the first node.
async function request(method, path) {
  const url = `http://127.0.0.1:${nodes[0].port}/api/hubs/conformance/${path}`;
  const encode = (bytes) => btoa(String.fromCharCode(...bytes)).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
  const json = (value) => encode(new TextEncoder().encode(JSON.stringify(value)));
  const signed = `${json({ alg: "HS256", typ: "JWT" })}.${json({ aud: url, exp: Math.floor(Date.now() / 1000) + 60 })}`;
  const algorithm = { name: "HMAC", hash: "SHA-256" };
  const bytes = new TextEncoder().encode(Deno.env.get("VOLARY_ACCESS_KEY"));
  const key = await crypto.subtle.importKey("raw", bytes, algorithm, false, ["sign"]);
  const code = await crypto.subtle.sign("HMAC", key, new TextEncoder().encode(signed));
  return await fetch(url, { method, headers: { authorization: `Bearer ${signed}.${encode(new Uint8Array(code))}` } });
}

class Client {
  constructor(url) {
    this.messages = [];
    this.ids = [];
    this.waiters = [];
    this.client = new WebPubSubClient(url, {
      protocol: kind === "reliable" ? WebPubSubJsonReliableProtocol() : WebPubSubJsonProtocol(),
      messageRetryOptions: { maxRetries: 0 },
    });
    this.client.on("connected", (event) => this.ids.push(event.connectionId));
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

const [ann, bob, carol] = urls.map((url) => new Client(url));

// Sends 200 messages to carol's group while `interrupt` happens in between, and expects all of them, in order, on the same connection.
async function interrupted(interrupt) {
  const ids = carol.ids.length;
  for (let number = 0; number < 200; number++) {
    if (number === 50) await interrupt();
    await within("send", ann.client.sendToGroup("r", String(number), "text"));
  }
  for (let number = 0; number < 200; number++) {
    const { data } = await carol.take();
    check(`number ${number}, not ${data}`, data === String(number));
  }
  check("it is the same connection", carol.ids.length === ids);
}

const resuming = {
  "a client behind a balancer": async () => {
    order = [nodes[2], nodes[1]];
    balancer.serve(Number(new URL(urls[2]).port));
    check("its user", (await carol.start()).userId === "carol");
    await within("join", carol.client.joinGroup("r"));
  },
  "a connection that is cut goes on, without loss": () => interrupted(() => balancer.cut()),
  "and on another node when its own is drained": () =>
    interrupted(() => {
      order = [nodes[1]];
      Deno.kill(nodes[2].process, "SIGTERM");
    }),
  "and when its own is killed": () =>
    interrupted(() => {
      order = [nodes[0]];
      Deno.kill(nodes[1].process, "SIGKILL");
    }),
  "after a close by the service its recovery is refused, and it begins anew, in its groups": async () => {
    const [id, count] = [carol.ids.at(-1), carol.ids.length];
    check("204", (await request("DELETE", `connections/${id}`)).status === 204);
    for (let tries = 0; carol.ids.length === count && tries < SECONDS * 10; tries++) await new Promise((wake) => setTimeout(wake, 100));
    check("a new connection", carol.ids.length === count + 1 && carol.ids.at(-1) !== id);
    // It has joined its groups again before it says that it is connected.
    await within("send", ann.client.sendToGroup("r", "anew", "text"));
    check("a message", (await carol.take()).data === "anew");
  },
  "stop, in the end": async () => {
    for (const client of [ann, carol]) await client.stop();
  },
};

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
    for (let begin = 0; begin < 1000; begin += 250) {
      for (let number = begin; number < begin + 250; number++) {
        await ann.client.sendToGroup("many", String(number), "text", { fireAndForget: true });
      }
      for (let number = begin; number < begin + 250; number++) check(`number ${number}`, (await bob.take()).data === String(number));
      // A reliable client acknowledges once a second, and may leave 1,000 messages unacknowledged.
      if (kind === "reliable") await new Promise((wake) => setTimeout(wake, 1100));
    }
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
    for (const client of kind === "reliable" ? [bob] : [ann, bob]) await client.stop();
  },
  ...(kind === "reliable" ? resuming : {}),
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
