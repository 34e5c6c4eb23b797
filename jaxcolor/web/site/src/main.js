// The page: photographs, what is shown of them, and what the controls change.

import { Downloads } from "./downloads.js";
import { Engine } from "./engine.js";
import { HintPanel } from "./hint-panel.js";
import * as intake from "./intake.js";
import * as offline from "./offline.js";
import { byId, complain, element, forgive, say } from "./page.js";
import { Settings } from "./settings.js";
import * as stage from "./stage.js";

const photographs = [];
let shown = null;
let keys = 0;

// The address may ask for the processor: index.html?runtime=wasm
const runtime = new URLSearchParams(location.search).get("runtime");
const ready = start();

const settings = new Settings(() => refresh());
const panel = new HintPanel(
  () => refresh(),
  (photograph, point) => asked("suggest", photograph, { point }),
);
new Downloads(
  () => shown,
  () => photographs,
  (photograph, format) => asked("save", photograph, { format, hints: photograph.hints }),
);
intake.watch(add);

async function start() {
  say("Loading the model …");
  const isKept = await offline.kept();
  const engine = new Engine();
  try {
    const loaded = await engine.call("load", { runtime });
    introduce(loaded);
    byId("offline").textContent = isKept
      ? "This page now works without a network."
      : "This page needs a network to load.";
    if (!photographs.length) say("Ready.");
    return engine;
  } catch (error) {
    say("");
    complain(`The model could not be loaded: ${error.message}`);
    throw error;
  }
}

function introduce({ model, runtime }) {
  settings.fit(model);
  byId("hint-section").hidden = model.centers === null;
  byId("about").textContent = `${model.name}, jaxcolor ${model.version}.`;
  byId("license").textContent = model.license;
  byId("machine").textContent = `The network runs by ${runtime} on this device.`;
  document.documentElement.dataset.runtime = runtime;
}

/** Returns what the worker says about a photograph under the present settings. */
async function asked(command, photograph, given) {
  const engine = await ready;
  const { key, file: blob } = photograph;
  return engine.call(command, { key, blob, settings: { ...settings.values }, ...given });
}

async function add(files) {
  forgive();
  const added = files.map((file) => ({ key: keys++, file, hints: [], size: null }));
  photographs.push(...added);
  added.forEach((photograph) => list(photograph));
  await pick(added[0]);
}

function list(photograph) {
  const { file } = photograph;
  const picture = element("img", { alt: "", src: URL.createObjectURL(file) });
  picture.addEventListener("load", () => URL.revokeObjectURL(picture.src));
  const name = element("span", { textContent: file.name });
  const choose = element("button", { type: "button", className: "pick" }, picture, name);
  choose.addEventListener("click", () => pick(photograph));
  const remove = element("button", { type: "button", textContent: "Remove" });
  remove.setAttribute("aria-label", `Remove ${file.name}`);
  remove.addEventListener("click", () => take(photograph));
  photograph.item = element("li", {}, choose, remove);
  byId("list").append(photograph.item);
  count();
}

function count() {
  byId("list-section").hidden = !photographs.length;
  byId("download-all").hidden = photographs.length < 2;
  byId("download-all").textContent = `Download all ${photographs.length} as a ZIP`;
}

/** Takes a photograph out; another one is to be shown if it was shown. */
function drop(photograph) {
  photographs.splice(photographs.indexOf(photograph), 1);
  photograph.item.remove();
  count();
  ready.then((engine) => engine.call("forget", { key: photograph.key }));
  if (photograph !== shown) return;
  shown = photographs[0] ?? null;
  byId("work").hidden = shown === null;
  tell();
}

async function take(photograph) {
  drop(photograph);
  (photographs[0]?.item.querySelector("button") ?? byId("files")).focus();
  if (shown === null) say("Ready.");
  else await refresh();
}

/** Tells in the list which photograph is shown. */
function tell() {
  for (const { item } of photographs) {
    const isShown = item === shown?.item;
    item.querySelector("button").setAttribute("aria-current", isShown);
  }
}

async function pick(photograph) {
  shown = photograph;
  tell();
  say(`Colorizing ${photograph.file.name} …`);
  await refresh();
}

// What is shown follows the controls, but no faster than it can be computed: of several
// changes meanwhile the last one counts.
let current = null;
let isStale = false;

function refresh() {
  isStale = true;
  current ??= renew().finally(() => {
    current = null;
  });
  return current;
}

async function renew() {
  while (isStale) {
    isStale = false;
    const photograph = shown;
    if (photograph === null) return;
    try {
      const begun = performance.now();
      const found = await asked("show", photograph, { hints: photograph.hints });
      if (photograph !== shown) continue;
      photograph.size = found.size;
      byId("work").hidden = false;
      stage.show(photograph.file.name, found);
      panel.take(photograph);
      const seconds = ((performance.now() - begun) / 1000).toFixed(1);
      say(`${photograph.file.name} is colorized, in ${seconds} s.`);
    } catch (error) {
      if (!photographs.includes(photograph)) continue;
      say("");
      complain(`${photograph.file.name}: ${error.message}`);
      drop(photograph);
      isStale = shown !== null;
    }
  }
}
