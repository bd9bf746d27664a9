// This page as a client of the cluster, on /ws.

const client = { socket: null, wanted: false, attempts: 0, timer: 0, name: null };

/** Close codes of temporary problems, such as a node's shutdown or a lost connection: the page reconnects. After others it does not. */
const temporary = [1001, 1005, 1006, 1011, 1012, 1013, 1014];

function connect() {
  clearTimeout(client.timer);
  const url = new URL("/ws", location.href);
  url.protocol = location.protocol === "https:" ? "wss:" : "ws:";
  const user = $("link").elements.user.value;
  url.search = queryOf([["welcome", "on"], ...(user ? [["user", user]] : [])]);
  const socket = new WebSocket(url, access.subprotocols($("link").elements.token.value.trim()));
  socket.binaryType = "arraybuffer";
  client.socket = socket;
  state("waiting", "Connecting …");
  socket.onopen = () => {
    client.attempts = 0;
    state("open", "Connected.");
    log.add("opened", url.pathname + url.search);
  };
  socket.onmessage = ({ data }) => received(data);
  socket.onclose = ({ code, reason }) => {
    if (client.socket === socket) closed(code, reason);
  };
}

function disconnect() {
  client.wanted = false;
  clearTimeout(client.timer);
  if (client.socket?.readyState === WebSocket.OPEN) {
    state("waiting", "Closing …");
    client.socket.close(1000);
    return;
  }
  // Events of an aborted attempt are ignored.
  const socket = client.socket;
  client.socket = null;
  socket?.close();
  state("off", "Not connected.");
}

function closed(code, reason) {
  client.socket = null;
  client.name = null;
  const why = `${code}${reason ? ` ${reason}` : ""}`;
  log.add("closed", why, { isBad: client.wanted });
  if (client.wanted && temporary.includes(code)) {
    const wait = pause(++client.attempts);
    client.timer = setTimeout(connect, wait * 1000);
    state("waiting", `Closed with ${why}. Next attempt in ${Math.ceil(wait)} s.`, "warn");
  } else {
    const isExpected = !client.wanted;
    client.wanted = false;
    state("off", isExpected ? "Not connected." : `Closed with ${why}.`, isExpected ? "" : "bad");
  }
}

/** `off`, `waiting` or `open`. */
function state(name, text, level = "") {
  const isOff = name === "off";
  const hadFocus = [$("connect"), $("disconnect")].includes(document.activeElement);
  $("connect").disabled = !isOff;
  $("disconnect").disabled = isOff;
  $("link").elements.user.disabled = !isOff;
  $("link").elements.token.disabled = !isOff;
  if (hadFocus) (isOff ? $("connect") : $("disconnect")).focus();
  $("client-state").className = `note ${level}`;
  write($("client-state"), text);
  flow.client(name, client.name);
}

function received(data) {
  flow.messageReceived();
  if (typeof data !== "string") {
    log.add("binary", `${hex(data)} (${count(data.byteLength, "byte")})`);
    return;
  }
  let message = null;
  try {
    message = JSON.parse(data);
  } catch {
    // Shown as received.
  }
  if (message?.type === "welcome" && typeof message.id === "string") {
    welcomed(message);
    return;
  }
  const text = message?.data !== undefined ? JSON.stringify(message.data) : message?.message;
  if (typeof message?.type !== "string" || typeof text !== "string") {
    log.add("text", data);
    return;
  }
  const audience = ["group", "user"].filter((name) => typeof message[name] === "string").map((name) => `to ${name} ${visible(message[name])}`);
  const from = [message.from, ...audience].filter((part) => part !== undefined).join(" ");
  log.add(message.type, text, { from, id: message.id });
}

/** The first message contains this client's id, node, user and groups. */
function welcomed({ id, node, user, groups }) {
  client.name = shortID(id);
  flow.client("open", client.name);
  const who = [
    ...(typeof user === "string" ? [`user ${visible(user)}`] : []),
    ...(Array.isArray(groups) && groups.length ? [`in ${groups.map((group) => visible(String(group))).join(", ")}`] : []),
  ];
  write($("client-state"), `Connected. This client: ${[client.name, ...who].join(", ")}, on ${node}.`);
  log.add("welcome", id);
}

function hex(buffer) {
  const longest = 64;
  const bytes = new Uint8Array(buffer, 0, Math.min(longest, buffer.byteLength));
  const digits = [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join(" ");
  return buffer.byteLength > longest ? `${digits} …` : digits;
}

/** Bytes from pairs of hex digits, with or without spaces; null for any other text. */
function bytesOf(text) {
  const digits = text.replace(/\s+/g, "");
  if (!/^([0-9a-f]{2})+$/i.test(digits)) return null;
  return Uint8Array.from(digits.match(/../g), (pair) => parseInt(pair, 16));
}

$("link").addEventListener("submit", (event) => {
  event.preventDefault();
  client.wanted = true;
  client.attempts = 0;
  connect();
});
$("disconnect").addEventListener("click", disconnect);
$("say").addEventListener("submit", (event) => {
  event.preventDefault();
  const { text, kind } = event.target.elements;
  const data = kind.value === "hex" ? bytesOf(text.value) : text.value;
  const problem = client.socket?.readyState !== WebSocket.OPEN ? "Connect first."
    : data === null ? "Bytes are pairs of hex digits, like 00 ff 7e." : "";
  write($("say-problem"), problem || "\u00a0");
  text.toggleAttribute("aria-invalid", data === null);
  text.focus();
  if (problem) return;
  client.socket.send(data);
  text.value = "";
  flow.messageSent();
});
flow.client("off");
