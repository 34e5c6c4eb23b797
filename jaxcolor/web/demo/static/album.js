// The visitor's photographs, and which of them is shown. Others listen for changes.

const photographs = new Map();
const listeners = { changed: [], selected: [] };
let selectedId = null;

export function on(event, listener) {
  listeners[event].push(listener);
}

function call(event, photograph) {
  for (const listener of listeners[event]) listener(photograph);
}

export const all = () => [...photographs.values()];
export const selected = () => photographs.get(selectedId) ?? null;

/** Adds a photograph as the server describes it. */
export function add(described) {
  const photograph = { ...described, before: null, after: null, isBusy: false };
  photographs.set(photograph.id, photograph);
  call("changed", photograph);
  if (selectedId === null) select(photograph);
  return photograph;
}

export function select(photograph) {
  selectedId = photograph?.id ?? null;
  call("selected", photograph);
}

/** Tells the others that something about a photograph is new. */
export function changed(photograph) {
  if (photographs.has(photograph.id)) call("changed", photograph);
}

export function remove(photograph) {
  const place = all().indexOf(photograph);
  photographs.delete(photograph.id);
  for (const url of [photograph.before, photograph.after]) URL.revokeObjectURL(url);
  call("changed", photograph);
  if (photograph.id === selectedId) select(all()[Math.min(place, photographs.size - 1)] ?? null);
}
