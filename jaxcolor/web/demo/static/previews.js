// Keeps what is shown of each photograph up to date with what is wished for.

import * as album from "./album.js";
import { complain } from "./messages.js";
import { ask, picture, Refusal } from "./requests.js";

const waiting = new Map();

/** Loads a photograph as it is, and in color. */
export async function load(photograph) {
  try {
    photograph.before = await picture(`/photographs/${photograph.id}/before.jpg`);
    album.changed(photograph);
  } catch (error) {
    report(error, photograph);
  }
  await update(photograph);
}

/**
 * Asks for a photograph in the colors that are wished for. While an answer is under way
 * only the newest wishes wait, so a slider that moves asks for no more than can be made.
 */
export function update(photograph) {
  const current = waiting.get(photograph.id);
  if (current !== undefined) {
    current.isStale = true;
    return current.done;
  }
  const state = { isStale: false, done: null };
  waiting.set(photograph.id, state);
  photograph.isBusy = true;
  album.changed(photograph);
  state.done = follow(photograph, state);
  return state.done;
}

/** Waits until what is shown, and what the server remembers, is what is wished for. */
export async function settled(photograph) {
  await waiting.get(photograph.id)?.done;
}

async function follow(photograph, state) {
  try {
    do {
      state.isStale = false;
      const before = photograph.after;
      photograph.after = await colored(photograph);
      if (before !== null) URL.revokeObjectURL(before);
      album.changed(photograph);
    } while (state.isStale);
  } catch (error) {
    report(error, photograph);
  } finally {
    waiting.delete(photograph.id);
    photograph.isBusy = false;
    album.changed(photograph);
  }
}

async function colored(photograph) {
  const answer = await ask(`/photographs/${photograph.id}/colors.jpg`, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(photograph.wishes),
  });
  return URL.createObjectURL(await answer.blob());
}

function report(error, photograph) {
  if (!(error instanceof Refusal)) throw error;
  complain(`${photograph.name}: ${error.message}`);
}
