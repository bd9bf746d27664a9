// Pushes from the server and their receipts.

/** Shows the result of `work`, or its error. Does nothing while a request of the same form is in progress. */
async function report(place, work) {
  if (place.dataset.busy) return;
  place.dataset.busy = "1";
  const began = performance.now();
  try {
    const content = await work();
    place.replaceChildren(...content(`${Math.round(performance.now() - began)} ms`));
  } catch (error) {
    const refused = asRefused(error);
    place.replaceChildren(
      make("p", {}, make("b", { className: "bad" }, refused.head)),
      make("p", {}, refused.message, refused.field ? ` (field: ${refused.field})` : ""),
    );
  } finally {
    delete place.dataset.busy;
  }
}

const line = (level, head, rest) => make("p", {}, make("b", { className: level }, head), ` ${rest}`);

function receipt(status, { id, recipients, nodes = [], missing = [], degraded }) {
  return (took) => [
    recipients === undefined
      ? line("good", "Accepted", `(${status}, ${took}), without receipts`)
      : line(degraded || missing.length ? "warn" : recipients ? "good" : "warn",
        `${count(recipients, "connection")} reached`, `(${status}, ${took})`),
    degraded
      ? make("p", { className: "warn" }, "Degraded: the link to the other nodes is down. They receive the message when it is back.")
      : "",
    make("ul", {},
      ...nodes.map(({ node, recipients: here }) =>
        make("li", { className: here ? "good" : "" }, `${node}: ${here.toLocaleString("en")}`)),
      ...missing.map((name) => make("li", { className: "bad" }, `${name}: no answer`))),
    make("p", { className: "note" }, `publication ${shortID(String(id))}`),
  ];
}

const part = encodeURIComponent;
const targets = {
  all: { path: () => "/api/connections/broadcast" },
  connection: { label: "Connection", path: (name) => `/api/connections/${part(name)}/send` },
  user: { label: "User", path: (name) => `/api/users/${part(name)}/send` },
  group: { label: "Group", path: (name) => `/api/groups/${part(name)}/send` },
};

function chooseTarget() {
  const { target, name } = $("send").elements;
  const { label } = targets[target.value];
  name.disabled = !label;
  write($("send-name").firstElementChild, label ?? "Name");
}

function jsonOf(text) {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new Refused(0, "", `Invalid JSON: ${error.message}`, "data", "Not sent");
  }
}

/** True when the input is not empty; otherwise it gets the focus. A name may consist of spaces, an id may not. */
function filled(input, isName = false) {
  if (isName ? input.value : input.value.trim()) return true;
  input.focus();
  return false;
}

$("send").elements.target.addEventListener("change", chooseTarget);
$("send").addEventListener("submit", (event) => {
  event.preventDefault();
  const { target, name, kind, message } = event.target.elements;
  const isName = target.value !== "connection";
  if (!name.disabled && !filled(name, isName)) return;
  const path = targets[target.value].path(isName ? name.value : name.value.trim());
  report($("receipt"), async () => {
    const content = kind.value === "data" ? jsonOf(message.value) : message.value;
    const { status, value } = await ask(path, { method: "POST", body: { [kind.value]: content } });
    flow.pushed();
    return receipt(status, value);
  });
});
$("close").addEventListener("submit", (event) => {
  event.preventDefault();
  const { id, code, reason } = event.target.elements;
  if (!filled(id)) return;
  const query = queryOf([["code", code.value.trim()], ...(reason.value ? [["reason", reason.value]] : [])]);
  report($("closed"), async () => {
    const { status } = await ask(`/api/connections/${part(id.value.trim())}?${query}`, { method: "DELETE" });
    reloadPage();
    return (took) => [line("good", "Closed", `${shortID(id.value.trim())} (${status}, ${took})`)];
  });
});
$("membership").addEventListener("submit", (event) => {
  event.preventDefault();
  const { group, id } = event.target.elements;
  if (!filled(group, true) || !filled(id)) return;
  const method = event.submitter?.value ?? "PUT";
  report($("member"), async () => {
    const path = `/api/groups/${part(group.value)}/connections/${part(id.value.trim())}`;
    const { status } = await ask(path, { method });
    reloadPage();
    const word = method === "PUT" ? "Added" : "Removed";
    return (took) => [line("good", word, `${shortID(id.value.trim())}, ${visible(group.value)} (${status}, ${took})`)];
  });
});

// The buttons of a row fill in the form for the action.

function aimSend(id) {
  const { target, name, message } = $("send").elements;
  target.value = "connection";
  chooseTarget();
  name.value = id;
  message.select();
}

function aimClose(id) {
  $("close").elements.id.value = id;
  $("close").querySelector("button").focus();
}

function aimMembership(id) {
  $("membership").elements.id.value = id;
  $("membership").elements.group.focus();
}

chooseTarget();
