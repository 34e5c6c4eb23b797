// The parts of the page, one of which is shown.

const STATUS = document.querySelector("[data-status]");

/** Shows a part of the page, and lets a screen reader begin there. */
export function show(id) {
  for (const view of document.querySelectorAll("[data-view]")) {
    view.hidden = view.id !== id;
  }
  const shown = document.getElementById(id);
  shown.querySelector("h1")?.focus();
  return shown;
}

/** Waits until the button of a part is pressed. */
export function pressed(view) {
  const button = view.querySelector("[data-continue]");
  return new Promise((resolve) => {
    button.addEventListener("click", resolve, { once: true });
  });
}

/** Tells a screen reader something. */
export function announce(text) {
  STATUS.textContent = text;
}

/** Lets the button for the full screen work, where there is one. */
export function offerFullScreen() {
  const button = document.querySelector("[data-fullscreen]");
  const isOffered = Boolean(document.fullscreenEnabled);
  button.hidden = !isOffered;
  document.querySelector("[data-fullscreen-hint]").hidden = !isOffered;
  button.addEventListener("click", async () => {
    try {
      await document.documentElement.requestFullscreen();
    } catch {
      // The browser's own choice; the study works without.
    }
  });
}
