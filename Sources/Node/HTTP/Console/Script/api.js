// The REST API as this page sees it.

/** An answer that is not a success, or none at all (status 0). */
class Refused extends Error {
  constructor(status, title, detail, field, head = "No answer") {
    super(detail);
    Object.assign(this, { status, title, field, head: status ? `${status} ${title}` : head });
  }

  toString() {
    return `${this.head}: ${this.message}`;
  }
}

/** What went wrong, as something that can be shown; a fault of this page's own is told to the console too. */
function asRefused(error) {
  if (error instanceof Refused) return error;
  console.error(error);
  return new Refused(200, "OK", "The answer is not one that this page knows.");
}

/** Asks for at most `seconds`. Gives `{status, value}`, throws `Refused`. */
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
    throw new Refused(0, "", slow ? `${location.host} said nothing for ${seconds} s.` : `${location.host} cannot be reached.`);
  }
  let value = null;
  try {
    value = text ? JSON.parse(text) : null;
  } catch {
    // A balancer speaks HTML when no node is there; its status says enough.
  }
  if (response.ok || alsoFine.includes(response.status)) {
    if (text && value === null) throw new Refused(response.status, response.statusText, "The answer is not JSON.");
    return { status: response.status, value };
  }
  if (response.status === 401 || response.status === 403) access.ask();
  throw new Refused(
    response.status,
    String(value?.title ?? response.statusText),
    String(value?.detail ?? "Nothing more was said."),
    value?.field === undefined ? undefined : String(value.field),
  );
}

/**
 * Calls `look` every `seconds` while the page is in sight; after failures less often. What `look` throws goes to `failed`, with
 * the seconds until the next attempt. Gives a function that looks at once.
 */
function watch(seconds, look, failed) {
  let failures = 0;
  let timer = 0;
  let turn = 0;
  async function round() {
    clearTimeout(timer);
    const mine = ++turn;
    let wait = seconds;
    try {
      await look();
      failures = 0;
    } catch (error) {
      if (mine !== turn) return;
      wait = pause(++failures);
      failed(asRefused(error), wait);
    }
    // A later call has taken over, or nobody looks.
    if (mine === turn && !document.hidden) timer = setTimeout(round, wait * 1000);
  }
  document.addEventListener("visibilitychange", () => (document.hidden ? clearTimeout(timer) : round()));
  round();
  return round;
}
