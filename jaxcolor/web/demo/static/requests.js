// Requests to the server: errors as one line, and another try when it is busy.

const TRIES = 8;

export class Refusal extends Error {}

/** Returns an answer that is no error. The server says when to try again if busy. */
export async function ask(path, options = {}) {
  for (let left = TRIES; ; left -= 1) {
    let answer;
    try {
      answer = await fetch(path, options);
    } catch (error) {
      if (error.name === "AbortError") throw error;
      throw new Refusal("The server does not answer.");
    }
    if (answer.ok) return answer;
    if (answer.status !== 503 || left <= 1) throw new Refusal(await reason(answer));
    await pause(Number(answer.headers.get("Retry-After") ?? 1));
  }
}

/** Returns an answer as an object URL, for an image. */
export async function picture(path, options) {
  return URL.createObjectURL(await (await ask(path, options)).blob());
}

/** Sends a file as the field `photo`, and returns the answer's JSON. fetch tells no progress. */
export async function send(path, file, onProgress) {
  for (let left = TRIES; ; left -= 1) {
    const answer = await sendOnce(path, file, onProgress);
    if (answer.status < 400) return JSON.parse(answer.responseText);
    if (answer.status !== 503 || left <= 1) throw new Refusal(line(answer.responseText));
    await pause(Number(answer.getResponseHeader("Retry-After") ?? 1));
  }
}

function sendOnce(path, file, onProgress) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    const form = new FormData();
    form.append("photo", file);
    request.open("POST", path);
    request.upload.addEventListener("progress", (event) => {
      if (event.lengthComputable) onProgress(event.loaded / event.total);
    });
    request.addEventListener("load", () => resolve(request));
    // Also when the server refuses a file before it has read all of it.
    request.addEventListener("error", () =>
      reject(new Refusal("The server has closed the connection.")),
    );
    request.send(form);
  });
}

async function reason(answer) {
  return line(await answer.text());
}

function line(text) {
  try {
    return JSON.parse(text).detail;
  } catch {
    return "The server makes mistakes.";
  }
}

function pause(seconds) {
  return new Promise((resolve) => setTimeout(resolve, 1000 * seconds));
}
