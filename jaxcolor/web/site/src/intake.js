// How photographs come in: chosen, dropped or pasted.

import { byId } from "./page.js";

function imagesOf(list) {
  return [...list].filter((file) => file.type.startsWith("image/") || file.type === "");
}

/** Calls back with the files of each choice, drop or paste. */
export function watch(taken) {
  const add = byId("add");
  const input = byId("files");
  const take = (list) => {
    const files = imagesOf(list);
    if (files.length) taken(files);
  };
  input.addEventListener("change", () => {
    take(input.files);
    // The same file may be chosen again.
    input.value = "";
  });
  const isOver = (event) => event.dataTransfer?.types.includes("Files");
  window.addEventListener("dragover", (event) => {
    if (!isOver(event)) return;
    event.preventDefault();
    add.classList.add("over");
  });
  window.addEventListener("dragleave", (event) => {
    if (event.relatedTarget === null) add.classList.remove("over");
  });
  window.addEventListener("drop", (event) => {
    add.classList.remove("over");
    if (!isOver(event)) return;
    event.preventDefault();
    take(event.dataTransfer.files);
  });
  window.addEventListener("paste", (event) => take(event.clipboardData.files));
}
