// The page's side of the worker: calls that return promises.

/** The worker that colorizes. */
export class Engine {
  constructor() {
    this.waiting = new Map();
    this.calls = 0;
    this.worker = new Worker(new URL("./worker.js", import.meta.url), {
      type: "module",
    });
    this.worker.addEventListener("message", ({ data: { id, found, problem } }) => {
      const { resolve, reject } = this.waiting.get(id);
      this.waiting.delete(id);
      if (problem === undefined) resolve(found);
      else reject(new Error(problem));
    });
    this.worker.addEventListener("error", (event) => {
      for (const { reject } of this.waiting.values()) {
        reject(new Error(event.message || "the worker could not start"));
      }
      this.waiting.clear();
    });
  }

  /** Returns what a command of the worker gives. */
  call(command, given = {}) {
    const id = this.calls++;
    return new Promise((resolve, reject) => {
      this.waiting.set(id, { resolve, reject });
      this.worker.postMessage({ id, command, given });
    });
  }
}
