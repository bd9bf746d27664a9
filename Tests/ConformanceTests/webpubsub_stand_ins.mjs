// What the official JavaScript client of Web PubSub imports from other packages, for Deno.

export const AbortController = globalThis.AbortController;
// The form of the client's first versions.
AbortController.timeout ??= (milliseconds) => AbortSignal.timeout(milliseconds);

export class AbortError extends Error {
  name = "AbortError";
}

export const delay = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

export function createClientLogger() {
  const nothing = () => {};
  return { verbose: nothing, info: nothing, warning: nothing, error: nothing };
}
