// The page: photographs come in by choosing, dropping or pasting them.

import * as album from "./album.js";
import "./downloads.js";
import * as hints from "./hints.js";
import { complain, tell } from "./messages.js";
import * as previews from "./previews.js";
import { ask, Refusal, send } from "./requests.js";
import "./settings.js";
import * as strip from "./strip.js";

const files = document.getElementById("files");
let arriving = 0;
// Files are sent one after the other.
let last = Promise.resolve();

function take(chosen) {
  for (const file of chosen) {
    arriving += 1;
    const shown = strip.arriving(file);
    last = last.then(() => receive(file, shown));
  }
  arrange();
}

async function receive(file, shown) {
  try {
    const photograph = album.add(await send("/photographs", file, shown.progress));
    tell(`${photograph.name} has been added.`);
    // Not awaited: the next file can be sent meanwhile.
    previews.load(photograph);
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    const text = error.message;
    complain(text.startsWith(`${file.name}: `) ? text : `${file.name}: ${text}`);
  } finally {
    arriving -= 1;
    shown.end();
    arrange();
  }
}

/** Shows what there is use for. */
function arrange() {
  const count = album.all().length;
  const isEmpty = count + arriving === 0;
  document.getElementById("empty").hidden = !isEmpty;
  document.getElementById("work").hidden = isEmpty;
  document.getElementById("add-more").hidden = isEmpty;
  document.querySelector(".desk").hidden = count === 0;
  document.getElementById("download-all").hidden = count < 2;
}

files.addEventListener("change", () => {
  take(files.files);
  // The same file may be chosen again.
  files.value = "";
});

document.addEventListener("dragover", (event) => {
  if (!event.dataTransfer.types.includes("Files")) return;
  event.preventDefault();
  document.body.classList.add("dropping");
});
document.addEventListener("dragleave", (event) => {
  if (event.relatedTarget === null) document.body.classList.remove("dropping");
});
document.addEventListener("drop", (event) => {
  document.body.classList.remove("dropping");
  if (!event.dataTransfer.types.includes("Files")) return;
  event.preventDefault();
  take(event.dataTransfer.files);
});
document.addEventListener("paste", (event) => take(event.clipboardData.files));

document.getElementById("remove").addEventListener("click", async () => {
  const photograph = album.selected();
  try {
    await ask(`/photographs/${photograph.id}`, { method: "DELETE" });
  } catch (error) {
    // It may have been removed already.
    if (!(error instanceof Refusal)) throw error;
  }
  album.remove(photograph);
  tell(`${photograph.name} has been removed.`);
  arrange();
  if (album.all().length === 0) files.focus();
});

async function restore() {
  try {
    const found = await (await ask("/photographs")).json();
    for (const described of found) previews.load(album.add(described));
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    complain(error.message);
  }
  arrange();
}

document.getElementById("controls").addEventListener("submit", (event) => event.preventDefault());
hints.begin();
restore();
