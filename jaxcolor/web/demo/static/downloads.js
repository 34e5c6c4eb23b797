// Downloads of full-size pictures: one, or all of them as a ZIP.

import * as album from "./album.js";
import { complain, tell } from "./messages.js";
import * as previews from "./previews.js";
import { ask, Refusal } from "./requests.js";

const one = document.getElementById("download");
const all = document.getElementById("download-all");

/** Lets a button work; meanwhile it cannot be pressed and says what it does. */
function connect(button, work) {
  const label = button.textContent;
  button.addEventListener("click", async () => {
    button.disabled = true;
    try {
      await work((text) => {
        button.textContent = text;
        tell(text);
      });
      tell("The download begins.");
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      complain(error.message);
    } finally {
      button.disabled = false;
      button.textContent = label;
      // A button that cannot be pressed has lost the focus.
      if (document.activeElement === document.body) button.focus();
    }
  });
}

connect(one, async (say) => {
  const photograph = album.selected();
  say("Preparing the picture");
  await previews.settled(photograph);
  await save(await ask(`/photographs/${photograph.id}/picture`));
});

connect(all, async (say) => {
  const photographs = album.all();
  for (const [n, photograph] of photographs.entries()) {
    say(`Preparing ${n + 1} of ${photographs.length}`);
    await previews.settled(photograph);
    await ask(`/photographs/${photograph.id}/picture`, { method: "POST" });
  }
  say("Preparing the ZIP");
  await save(await ask("/photographs.zip"));
});

/** Saves an answer under the name that the server gives it. */
async function save(answer) {
  const told = answer.headers.get("Content-Disposition").split("filename*=UTF-8''")[1];
  const link = document.createElement("a");
  link.href = URL.createObjectURL(await answer.blob());
  link.download = decodeURIComponent(told);
  link.click();
  // The browser has taken what it needs once the click is done, a moment later.
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}
