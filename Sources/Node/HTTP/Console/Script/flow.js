// The picture on top: where a message goes, with the numbers of this moment.

const flow = {
  sent: 0,
  heard: 0,
  moving: false,

  /** One spark from one end to the other; while it is under way, others are not drawn. */
  pulse(fromClient) {
    if (this.moving || document.hidden || matchMedia("(prefers-reduced-motion: reduce)").matches) return;
    this.moving = true;
    const hops = [...document.querySelectorAll(".hop")].slice(fromClient ? 0 : 1);
    const last = hops.map((hop, index) => {
      const spark = make("i", { className: "spark" });
      hop.append(spark);
      const travel = spark.animate(
        [
          { transform: "translateX(0)", opacity: 1 },
          { transform: `translateX(${hop.clientWidth}px)`, opacity: 1 },
        ],
        { duration: 160, delay: index * 160, easing: "linear", fill: "none" },
      );
      spark.style.opacity = "0";
      travel.onfinish = travel.oncancel = () => spark.remove();
      return travel;
    }).at(-1);
    last.finished.catch(() => {}).finally(() => (this.moving = false));
  },

  client(state, name) {
    write($("flow-you"), state === "open" ? name ?? "on" : state === "waiting" ? "…" : "off");
  },

  said() {
    write($("flow-sent"), `${(++this.sent).toLocaleString("en")} sent`);
    this.pulse(true);
  },

  pushed() {
    this.pulse(false);
  },

  listened(messages) {
    this.heard += messages;
    write($("flow-heard"), `${this.heard.toLocaleString("en")} heard here`);
  },

  cluster(nodes) {
    const live = nodes.filter((node) => node.live);
    write($("flow-live"), `${live.length} live`);
    write($("flow-clients"), nodes.reduce((sum, node) => sum + node.connections, 0).toLocaleString("en"));
    const states = nodes.slice(0, 9).map(stateOf);
    if ($("flow-nodes").dataset.states === String(states)) return;
    $("flow-nodes").dataset.states = states;
    $("flow-nodes").replaceChildren(...states.map(flow.dot), ...(nodes.length > 9 ? [`+${nodes.length - 9}`] : []));
    $("flow-entry").replaceChildren(flow.dot(live.length ? "live" : "expired"));
  },

  relay(state) {
    write($("flow-relay"), state);
    $("flow-relay").className = state === "up" ? "good" : "bad";
  },

  dot(state) {
    const dot = make("i", { className: "dot", title: state });
    dot.dataset.state = state;
    return dot;
  },
};
