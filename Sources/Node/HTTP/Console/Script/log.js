// The message log: the newest 500 lines, drawn at most once per animation frame.

const log = {
  limit: 500,
  /** Maximum number of characters shown of one message. */
  longest: 2000,
  waiting: [],
  paused: false,
  drawing: false,

  /** While the log is paused or the page is hidden, the newest lines are kept and older ones dropped. */
  add(kind, text, { from, id, isBad } = {}) {
    this.waiting.push({ kind, text: this.cut(text), from, id, isBad, at: new Date() });
    if (this.waiting.length > this.limit) this.waiting.shift();
    this.draw();
  },

  draw() {
    if (this.paused) return this.showCount();
    if (this.drawing) return;
    this.drawing = true;
    requestAnimationFrame(() => {
      this.drawing = false;
      if (this.paused) return;
      const list = $("log");
      const isAtEnd = list.scrollTop + list.clientHeight >= list.scrollHeight - 8;
      list.append(...this.waiting.splice(0).map(this.line));
      while (list.children.length > this.limit) list.firstChild.remove();
      if (isAtEnd) list.scrollTop = list.scrollHeight;
      this.showCount();
    });
  },

  line({ kind, text, from, id, isBad, at }) {
    return make("li", { title: typeof id === "string" ? `publication ${id}` : "" },
      make("time", { dateTime: at.toISOString() }, clock(at)),
      make("span", { className: "said" },
        make("span", { className: isBad ? "kind bad" : "kind" }, from ? `${kind} ${from}` : kind), text));
  },

  cut(text) {
    if (text.length <= this.longest) return text;
    return `${text.slice(0, this.longest)} … (${text.length.toLocaleString("en")} characters)`;
  },

  showCount() {
    const shown = $("log").children.length;
    write($("log-count"), this.paused
      ? `Paused, ${this.waiting.length < this.limit ? count(this.waiting.length, "new line") : `${this.limit} new lines or more`}`
      : shown < this.limit ? count(shown, "line") : `The newest ${this.limit} lines`);
  },
};

$("pause").addEventListener("click", () => {
  log.paused = !log.paused;
  $("pause").setAttribute("aria-pressed", log.paused);
  log.draw();
});
$("clear").addEventListener("click", () => {
  log.waiting = [];
  $("log").replaceChildren();
  log.showCount();
});
