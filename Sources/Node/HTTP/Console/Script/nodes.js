// The nodes, once a second, and the health line.

const stateOf = (node) => (!node.live ? "expired" : node.draining ? "draining" : "live");

function health(state, text) {
  $("health").dataset.state = state;
  write($("health-text"), text);
  document.body.classList.toggle("stale", state === "bad");
}

function showNodes({ nodes, complete }) {
  const most = Math.max(1, ...nodes.map((node) => node.connections));
  keep($("node-list"), nodes, (node) => node.id, createNode, (element, node) => {
    const state = stateOf(node);
    element.dataset.state = state;
    const [name, word, number, unit, share, sign, more] = element.querySelectorAll("[data-part]");
    write(name, node.name);
    write(word, complete ? state : `${state}, as last read`);
    word.className = { live: "good", draining: "warn", expired: "bad" }[state];
    write(number, node.connections.toLocaleString("en"));
    write(unit, node.connections === 1 ? " connection" : " connections");
    Object.assign(share, { max: most, value: node.connections });
    write(sign, `heartbeat ${age(node.leaseAgeSeconds)} ago`);
    write(more, `version ${node.version}, up ${age((Date.now() - Date.parse(node.startedAt)) / 1000)}`);
  }, $("nodes-title"));
  keep($("node-names"), nodes, (node) => node.id, () => make("option"), (option, node) => (option.value = node.name));
  flow.cluster(nodes);
}

function createNode() {
  const part = (tag, className) => {
    const element = make(tag, { className });
    element.dataset.part = "";
    return element;
  };
  const share = part("progress", "share");
  share.setAttribute("aria-hidden", "true");
  return make("li", { className: "node" },
    part("strong", ""), part("span", ""),
    make("span", { className: "count" }, part("span", ""), part("small", "")),
    share, part("span", "note"), part("span", "note"));
}

/** The health line, from the node that answered: behind a balancer this is a different node each time. */
function explain(list, ready) {
  const lacks = [
    ready.relay?.state === "down" && "it cannot reach the other nodes",
    ready.presence?.state === "down" && "it cannot reach the presence store",
    ready.draining && "it is shutting down",
  ].filter(Boolean);
  if (!ready.ready) return ["warn", `A node is not ready: ${lacks.join(", ") || "reason unknown"}.`];
  if (!list.complete) return ["warn", `${list.answeredBy} shows the nodes as last read: the presence store does not answer.`];
  const gone = list.nodes.filter((node) => !node.live);
  if (gone.length) return ["warn", `No heartbeat from ${gone.map((node) => node.name).join(", ")}.`];
  return ["ok", `${count(list.nodes.length, "node")}, all healthy.`];
}

let lastSeen = null;
watch(1, async () => {
  const [nodes, ready] = await Promise.all([ask("/api/nodes"), ask("/readyz", { alsoFine: [503] })]);
  showNodes(nodes.value);
  flow.relay(ready.value?.relay?.state ?? "–");
  health(...explain(nodes.value, ready.value ?? { ready: false }));
  lastSeen = new Date();
  write($("as-of"), "");
}, (refused, wait) => {
  health("bad", `${refused} Next attempt in ${Math.ceil(wait)} s.`);
  flow.relay("?");
  if (lastSeen) write($("as-of"), `as of ${clock(lastSeen)}`);
});
