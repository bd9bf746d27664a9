// The key or token for REST requests, on nodes that require one. It is kept in this tab's session storage.

const access = {
  key: sessionStorage.getItem("volary-key") ?? "",

  /** The headers of a request. */
  get headers() {
    return this.key ? { Authorization: `Bearer ${this.key}` } : {};
  },

  /**
   * The subprotocols of a WebSocket: a browser can send a token in no other header.
   * @param token the client's own token; if empty, the page's key is used when it is a token
   */
  subprotocols(token) {
    const chosen = token || (this.key.split(".").length === 3 ? this.key : "");
    return chosen ? ["volary", `volary.token.${chosen}`] : [];
  },

  /** Shows the form at the first refusal, because test nodes usually need no key. */
  ask() {
    if (!$("access").hidden) return;
    $("access").hidden = false;
    write($("access-state"), this.key ? "This key does not have all permissions that this page needs." : "This node requires a key or token.");
  },
};

$("access").addEventListener("submit", (event) => {
  event.preventDefault();
  const key = event.target.elements.key.value.trim();
  if (key) sessionStorage.setItem("volary-key", key);
  else sessionStorage.removeItem("volary-key");
  location.reload();
});
