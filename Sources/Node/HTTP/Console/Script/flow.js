// The flow chart at the top: the path of a message, with current numbers.

const flow = {
  sent: 0,
  received: 0,
  moving: false,
  relayState: null,

  /** Vertical positions at which lines begin and end at a stop: its middle, or the middle of each node in it. */
  anchors(stop) {
    const top = $("flow-stops").getBoundingClientRect().top;
    const rows = stop.querySelectorAll("li");
    return [...(rows.length ? rows : [stop])].map((row) => {
      const box = row.getBoundingClientRect();
      return box.top + box.height / 2 - top;
    });
  },

  /** The straight lines between two stops: from every anchor on the left to every anchor on the right. */
  ways(hop) {
    const ends = this.anchors(hop.nextElementSibling);
    const offset = hop.getBoundingClientRect().top - $("flow-stops").getBoundingClientRect().top;
    return this.anchors(hop.previousElementSibling).flatMap((from) => ends.map((to) => [from - offset, to - offset]));
  },

  draw() {
    for (const hop of document.querySelectorAll(".hop")) {
      const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
      const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
      path.setAttribute("d", this.ways(hop).map(([from, to]) => `M0 ${from}L${hop.clientWidth} ${to}`).join(""));
      svg.append(path);
      hop.querySelector("svg")?.remove();
      hop.prepend(svg);
    }
  },

  /** Animates dots along the flow, up to Redis only when the link is down. Does nothing while an animation is running. */
  pulse(fromClient) {
    if (this.moving || document.hidden || matchMedia("(prefers-reduced-motion: reduce)").matches) return;
    this.moving = true;
    const hops = [...document.querySelectorAll(".hop")].slice(fromClient ? 0 : 1, this.relayState === "down" ? 2 : 4);
    const travels = hops.flatMap((hop, index) => this.ways(hop).map(([from, to]) => {
      const spark = make("i", { className: "spark" });
      hop.append(spark);
      const at = (x, y) => ({ transform: `translate(${x}px, ${y}px)`, opacity: 1 });
      const travel = spark.animate([at(0, from), at(hop.clientWidth, to)], { duration: 200, delay: index * 200 });
      travel.onfinish = () => spark.remove();
      return travel.finished;
    }));
    Promise.allSettled(travels).then(() => (this.moving = false));
  },

  /** @param name the short id of this page's connection, once it is known */
  client(state, name) {
    write($("flow-you"), state === "open" ? "on" : state === "waiting" ? "…" : "off");
    $("flow-you").className = state === "open" ? "good" : "";
    this.name = name;
    this.showSent();
  },

  messageSent() {
    this.sent += 1;
    this.showSent();
    this.pulse(true);
  },

  showSent() {
    write($("flow-sent"), `${this.name ? `${this.name}, ` : ""}${brief(this.sent)} sent`);
  },

  pushed() {
    this.pulse(false);
  },

  messageReceived() {
    this.received += 1;
    write($("flow-heard"), `${brief(this.received)} received here`);
  },

  /** The chart has room for eight nodes; the list below shows all of them. */
  cluster(nodes) {
    write($("flow-clients"), brief(nodes.reduce((sum, node) => sum + node.connections, 0)));
    const before = $("flow-nodes").children.length;
    $("flow-entry").replaceChildren(this.dot(nodes.some((node) => node.live && !node.draining) ? "live" : "expired"));
    const drawn = nodes.length > 8 ? nodes.slice(0, 7) : nodes;
    const rest = nodes.slice(drawn.length);
    const row = (state, name, number) => make("li", { title: name },
      this.dot(state), make("span", {}, name), make("strong", {}, brief(number)));
    $("flow-nodes").replaceChildren(
      ...drawn.map((node) => row(stateOf(node), node.name, node.connections)),
      ...(rest.length ? [row("live", `${rest.length} more`, rest.reduce((sum, node) => sum + node.connections, 0))] : []));
    if ($("flow-nodes").children.length !== before) this.draw();
  },

  relay(state) {
    this.relayState = state;
    write($("flow-relay"), state);
    $("flow-relay").className = { up: "good", down: "bad" }[state] ?? "";
  },

  dot(state) {
    const dot = make("i", { className: "dot", title: state });
    dot.dataset.state = state;
    return dot;
  },
};

const onResize = new ResizeObserver(() => flow.draw());
for (const stop of [$("flow-stops"), ...document.querySelectorAll(".stop")]) onResize.observe(stop);
