// The official TypeScript client of SignalR, under Deno, against three nodes of one cluster with the reference hub.
//
//     deno run … signalr_javascript.mjs PROTOCOL TRANSPORT PORT NODE NODE NODE
//
// PROTOCOL is json or messagepack, TRANSPORT is WebSockets, ServerSentEvents or LongPolling. This program balances on PORT: each TCP connection goes to the next node. A NODE is the name, the port and
// the process of a node. Prints a list; the exit status is 1 after a failure.

// So that the client takes the WebSocket and the fetch of the runtime, as in a browser.
delete globalThis.process;
const { Balancer, check, waits } = await import("./javascript_support.mjs");
const { HttpTransportType, HubConnectionBuilder, LogLevel, Subject } = await import("@microsoft/signalr");
const { MessagePackHubProtocol } = await import("messagepack");

const SECONDS = 20;
const [protocol, transport, port, ...rest] = Deno.args;
const nodes = rest.map((text) => text.split(":")).map(([name, port, process]) => ({ name, port: +port, process: +process, isUp: true }));

const within = waits(SECONDS);

async function eventually(what, condition) {
  for (let tries = 0; tries < SECONDS * 50; tries++) {
    if (await condition()) return;
    await new Promise((wake) => setTimeout(wake, 20));
  }
  throw new Error(`too late: ${what}`);
}

let next = 0;
const balancer = new Balancer(function* () {
  for (let tries = 0; tries < nodes.length; tries++) {
    const node = nodes[next++ % nodes.length];
    if (node.isUp) yield node;
  }
});

async function api(method, path, body) {
  const node = nodes.find((node) => node.isUp);
  const headers = { "content-type": "application/json" };
  const answer = await fetch(`http://127.0.0.1:${node.port}/api/connections${path}?hub=reference`, { method, headers, body });
  return { status: answer.status, json: JSON.parse((await answer.text()) || "null") };
}

class Client {
  constructor() {
    this.messages = [];
    this.ids = [];
    this.errors = [];
    const builder = new HubConnectionBuilder()
      .withUrl(`http://127.0.0.1:${port}/hubs/reference`, { transport: HttpTransportType[transport] })
      .withAutomaticReconnect([0, 100, 200, 500, 1000, 2000, 2000, 2000])
      .configureLogging(LogLevel.None);
    if (protocol === "messagepack") builder.withHubProtocol(new MessagePackHubProtocol());
    this.hub = builder.build();
    this.hub.on("message", (from, text) => this.messages.push(text));
    this.hub.on("confirm", (question) => `yes to ${question}`);
    this.hub.onreconnected((id) => this.ids.push(id));
    this.hub.onclose((error) => this.errors.push(error));
  }

  async start() {
    await within("start", this.hub.start());
    this.ids.push(this.hub.connectionId);
  }

  async invoke(...call) {
    return await within(`invoke ${call[0]}`, this.hub.invoke(...call));
  }

  async take() {
    await eventually("a message", () => this.messages.length > 0);
    return this.messages.shift();
  }

  get id() {
    return this.ids.at(-1);
  }
}

const [ann, bob] = [new Client(), new Client()];

async function failure(promise) {
  try {
    await within("a failure", promise);
  } catch (error) {
    return error.message;
  }
}

function items(stream) {
  const all = [];
  return new Promise((complete, error) => stream.subscribe({ next: (item) => all.push(item), complete: () => complete(all), error }));
}

// Makes bob reconnect, and expects that he is reached on his new connection, under its id and in a group, from both sides.
// Without `isNew`, the connection may have survived.
async function interrupted(interrupt, isNew = true) {
  const count = bob.ids.length;
  await interrupt();
  if (isNew) {
    await eventually("a new connection", () => bob.ids.length > count);
    check("it has a new id", bob.ids.at(-1) !== bob.ids.at(-2));
  }
  await eventually("bob is connected", () => bob.hub.state === "Connected");
  await bob.invoke("JoinGroup", "again");
  bob.messages.length = 0;
  await eventually("ann is connected", () => ann.hub.state === "Connected");
  // Her polls may have waited for the node that is gone, until the end of its lease.
  await eventually("ann's calls are answered", () => ann.hub.invoke("Echo", 1).then(() => true, () => false));
  for (let number = 0; number < 100; number++) await ann.invoke("SendToGroup", "again", String(number));
  for (let number = 0; number < 100; number++) check(`number ${number}`, (await bob.take()) === String(number));
  await ann.invoke("SendToConnection", bob.id, "by id");
  check("by id", (await bob.take()) === "by id");
}

async function nodeOf(client) {
  let name;
  await eventually("it is listed", async () => {
    const { json } = await api("GET", `/${client.id}`);
    name = json?.node;
    return nodes.some((node) => node.name === name);
  });
  return nodes.find((node) => node.name === name);
}

const rows = {
  "negotiate with one node, connect to another": async () => {
    for (const client of [ann, bob]) await client.start();
    check("the ids differ", ann.id !== bob.id && ann.id.length > 0);
    const { json } = await api("GET", `/${ann.id}`);
    check("REST knows the protocol and the hub", json.protocol === "signalr");
  },
  "invoke": async () => {
    for (const value of ["é 😀 \"", 7, -1, 2 ** 40, 1.5, true, null, [1, [2]], { a: { b: [null] } }]) {
      check(`Echo of ${JSON.stringify(value)}`, JSON.stringify(await ann.invoke("Echo", value)) === JSON.stringify(value));
    }
    check("names of any case", (await ann.invoke("echo", 1)) === 1);
  },
  "a call that fails, an unknown one, and one with wrong arguments": async () => {
    check("Fail", (await failure(ann.hub.invoke("Fail")))?.includes("An unexpected error occurred invoking 'Fail' on the server."));
    check("unknown", (await failure(ann.hub.invoke("Nothing")))?.includes("Unknown hub method 'Nothing'"));
    check("arguments", (await failure(ann.hub.invoke("Broadcast")))?.includes("Failed to invoke 'Broadcast'"));
    check("the connection stays", (await ann.invoke("Echo", 1)) === 1);
  },
  "a stream from the hub, and one that is canceled": async () => {
    const all = await within("Count", items(ann.hub.stream("Count", 20)));
    check(`its items, not ${all}`, all.join() === Array.from({ length: 20 }, (_, index) => index + 1).join());
    const some = [];
    const subscription = ann.hub.stream("Count", 1e9).subscribe({ next: (item) => some.push(item), complete() {}, error() {} });
    await eventually("ten items", () => some.length >= 10);
    subscription.dispose();
    check("a call behind it", (await ann.invoke("Echo", 1)) === 1);
  },
  "a stream to the hub": async () => {
    const subject = new Subject();
    const sum = ann.hub.invoke("Sum", subject);
    for (const number of [1, 2, 3.5]) subject.next(number);
    subject.complete();
    check("its sum", (await within("Sum", sum)) === 6.5);
  },
  "a result of the client": async () => {
    check("its result", (await ann.invoke("AskCaller", "confirm", "this")) === "yes to this");
    check("no handler", (await failure(ann.hub.invoke("AskCaller", "unknown", 1))) !== undefined);
  },
  "messages to all, to a group, to one connection, and from REST": async () => {
    await bob.invoke("JoinGroup", "g");
    await ann.invoke("Broadcast", "to all");
    await ann.invoke("SendToGroup", "g", "to the group");
    await ann.invoke("SendToConnection", bob.id, "to one");
    const body = JSON.stringify({ data: { target: "message", arguments: ["rest", "from REST"] } });
    const { status, json } = await api("POST", `/${bob.id}/send`, body);
    check(`REST: ${status}`, status === 200 && json.recipients === 1);
    for (const text of ["to all", "to the group", "to one", "from REST"]) check(text, (await bob.take()) === text);
    check("ann gets what is for all", (await ann.take()) === "to all" && ann.messages.length === 0);
    await bob.invoke("LeaveGroup", "g");
    await ann.invoke("SendToGroup", "g", "for nobody");
    await ann.invoke("SendToConnection", bob.id, "end");
    check("not after it has left", (await bob.take()) === "end");
  },
  "1,000 messages in their order": async () => {
    await bob.invoke("JoinGroup", "many");
    for (let number = 0; number < 1000; number++) await within("send", ann.hub.send("SendToGroup", "many", String(number)));
    for (let number = 0; number < 1000; number++) {
      const text = await bob.take();
      check(`number ${number}, not ${text}`, text === String(number));
    }
  },
  "after a cut it reconnects by itself": () => interrupted(() => balancer.cut(), transport !== "LongPolling"),
  "and after a drain, to another node": () =>
    interrupted(async () => {
      const node = await nodeOf(bob);
      node.isUp = false;
      Deno.kill(node.process, "SIGTERM");
    }),
  "and after kill -9": () =>
    interrupted(async () => {
      const node = await nodeOf(bob);
      node.isUp = false;
      Deno.kill(node.process, "SIGKILL");
    }),
  "a close over REST is final": async () => {
    check("204", (await api("DELETE", `/${bob.id}`)).status === 204);
    await eventually("closed", () => bob.errors.length === 1);
    check("it does not reconnect", bob.hub.state === "Disconnected");
  },
  "stop": async () => {
    await within("stop", ann.hub.stop());
    await eventually("closed", () => ann.errors.length === 1);
    check("without an error", ann.errors[0] === undefined);
  },
};

balancer.serve(Number(port));
let failed = 0;
for (const [name, row] of Object.entries(rows)) {
  let result = "passed";
  try {
    await row();
  } catch (error) {
    failed += 1;
    result = `FAILED: ${error.message}`;
  }
  console.log(`  TypeScript (${protocol}, ${transport}), ${name}: ${result}`);
}
Deno.exit(failed ? 1 : 0);
