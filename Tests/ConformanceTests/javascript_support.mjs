// What the programs with official JavaScript clients share, under Deno.

export function check(what, isTrue) {
  if (!isTrue) throw new Error(what);
}

// Returns a function that waits for a promise, for at most so many seconds.
export function waits(seconds) {
  return async (what, promise) => {
    let timer;
    const late = new Promise((_, reject) => (timer = setTimeout(() => reject(new Error(`too late: ${what}`)), seconds * 1000)));
    try {
      return await Promise.race([promise, late]);
    } finally {
      clearTimeout(timer);
    }
  };
}

// Passes each TCP connection on to the first of `candidates()`, nodes with a `port`, that takes it.
export class Balancer {
  constructor(candidates) {
    this.candidates = candidates;
    this.connections = new Set();
  }

  async serve(port) {
    for await (const client of Deno.listen({ hostname: "127.0.0.1", port })) this.pass(client).catch(() => {});
  }

  async pass(client) {
    for (const node of this.candidates()) {
      const server = await Deno.connect({ hostname: "127.0.0.1", port: node.port }).catch(() => null);
      if (server === null) continue;
      const pair = { cut: () => [client, server].forEach((end) => { try { end.close(); } catch { /* closed */ } }) };
      this.connections.add(pair);
      await Promise.race([client.readable.pipeTo(server.writable), server.readable.pipeTo(client.writable)]).catch(() => {});
      pair.cut();
      return this.connections.delete(pair);
    }
    client.close();
  }

  cut() {
    for (const pair of this.connections) pair.cut();
  }
}
