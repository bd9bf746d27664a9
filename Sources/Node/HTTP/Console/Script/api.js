// Calls of the REST API.

/** An error answer, or no answer (status 0). */
class Refused extends Error {
  constructor(status, title, detail, field, head = "No answer") {
    super(detail);
    Object.assign(this, { status, title, field, head: status ? `${status} ${title}` : head });
  }

  toString() {
    return `${this.head}: ${this.message}`;
  }
}

/** Converts any error to a `Refused`. Errors in this page's own code are also written to the browser's console. */
function asRefused(error) {
  if (error instanceof Refused) return error;
  console.error(error);
  return new Refused(200, "OK", "Unexpected answer.");
}

/** Sends a request and waits at most `seconds`. Returns `{status, value}`, throws `Refused`. */
async function ask(path, { method = "GET", body, seconds = 5, alsoFine = [] } = {}) {
  let response, text;
  try {
    response = await fetch(path, {
      method,
      cache: "no-store",
      signal: AbortSignal.timeout(seconds * 1000),
      headers: { ...access.headers, ...(body === undefined ? {} : { "Content-Type": "application/json" }) },
      body: body === undefined ? undefined : JSON.stringify(body),
    });
    text = await response.text();
  } catch (error) {
    const slow = error.name === "TimeoutError";
    throw new Refused(0, "", slow ? `${location.host} did not answer within ${seconds} s.` : `${location.host} cannot be reached.`);
  }
  let value = null;
  try {
    value = text ? JSON.parse(text) : null;
  } catch {
    // A balancer without nodes may answer in HTML; its status is enough.
  }
  if (response.ok || alsoFine.includes(response.status)) {
    if (text && value === null) throw new Refused(response.status, response.statusText, "The answer is not JSON.");
    return { status: response.status, value };
  }
  if (response.status === 401 || response.status === 403) access.ask();
  throw new Refused(
    response.status,
    String(value?.title ?? response.statusText),
    String(value?.detail ?? "No further details."),
    value?.field === undefined ? undefined : String(value.field),
  );
}

/**
 * Calls `poll` every `seconds` while the page is visible, less often after failures. An error of `poll` is passed to `failed`, with
 * the seconds until the next attempt. Returns a function that polls at once.
 */
function watch(seconds, poll, failed) {
  let failures = 0;
  let timer = 0;
  let turn = 0;
  async function round() {
    clearTimeout(timer);
    const mine = ++turn;
    let wait = seconds;
    try {
      await poll();
      failures = 0;
    } catch (error) {
      if (mine !== turn) return;
      wait = pause(++failures);
      failed(asRefused(error), wait);
    }
    // Not when a later call has replaced this one, or the page is hidden.
    if (mine === turn && !document.hidden) timer = setTimeout(round, wait * 1000);
  }
  document.addEventListener("visibilitychange", () => (document.hidden ? clearTimeout(timer) : round()));
  round();
  return round;
}
