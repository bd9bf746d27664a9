// The key or token that this page calls with, on nodes that ask for one. It stays in this tab and goes with it.

const access = {
  key: sessionStorage.getItem("volary-key") ?? "",

  /** What a request carries. */
  get headers() {
    return this.key ? { Authorization: `Bearer ${this.key}` } : {};
  },

  /**
   * The subprotocols of a WebSocket: a browser can send a token in no other header.
   * @param token its own; a key that is a token serves if there is none
   */
  subprotocols(token) {
    const chosen = token || (this.key.split(".").length === 3 ? this.key : "");
    return chosen ? ["volary", `volary.token.${chosen}`] : [];
  },

  /** The form appears with the first refusal, not before: most nodes that are tried have no keys. */
  ask() {
    if (!$("access").hidden) return;
    $("access").hidden = false;
    write($("access-state"), this.key ? "The key that was given is not enough for all that is on this page." : "This node asks for a key.");
  },
};

$("access").addEventListener("submit", (event) => {
  event.preventDefault();
  const key = event.target.elements.key.value.trim();
  if (key) sessionStorage.setItem("volary-key", key);
  else sessionStorage.removeItem("volary-key");
  location.reload();
});
