// Requests to the server, repeated until they arrive. All of them can be repeated: the
// same answer twice is one answer.

const BASE = location.pathname.replace(/\/$/, "");
const TRIES = 5;
const TIMEOUT_MS = 20000;
const FIRST_PAUSE_MS = 300;
// A request that took too long to arrive, or too many of them.
const TRANSIENT = [408, 429];

/** The server understood a request, and refused it. */
export class RefusedError extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

let lost = async () => {};

/** Sets what is awaited when the server does not answer, before it is asked again. */
export function whenLost(wait) {
  lost = wait;
}

/** Sends a request, and returns the server's JSON. */
export async function send(method, path, body) {
  const headers = { Accept: "application/json" };
  const options = { method, headers };
  if (body !== undefined) {
    headers["Content-Type"] = "application/json";
    options.body = JSON.stringify(body);
  }
  return (await repeated(path, options)).json();
}

/** Returns the bytes of a picture. */
export async function picture(token) {
  return (await repeated(`pictures/${token}`, {})).blob();
}

async function repeated(path, options) {
  let tries = 0;
  for (;;) {
    try {
      return await once(path, options);
    } catch (error) {
      if (error instanceof RefusedError && isFinal(error.status)) throw error;
    }
    tries += 1;
    if (tries < TRIES) {
      const pause = FIRST_PAUSE_MS * 2 ** tries;
      await new Promise((resolve) => setTimeout(resolve, pause));
    } else {
      await lost();
      tries = 0;
    }
  }
}

function isFinal(status) {
  return status < 500 && !TRANSIENT.includes(status);
}

async function once(path, options) {
  const signal = AbortSignal.timeout(TIMEOUT_MS);
  const answer = await fetch(`${BASE}/${path}`, { ...options, signal });
  if (answer.ok) return answer;
  let message = answer.statusText;
  try {
    message = (await answer.json()).detail;
  } catch {
    // An error of a proxy is no JSON.
  }
  throw new RefusedError(answer.status, message);
}
