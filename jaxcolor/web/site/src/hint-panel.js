// Colors set by hand: a place, its likely colors, and the colors that are set.

import { byId, element, swatch } from "./page.js";
import * as stage from "./stage.js";

/** The panel, for the photograph that is shown. */
export class HintPanel {
  /**
   * @param changed - is called whenever hints have changed.
   * @param suggested - returns likely colors of a place.
   */
  constructor(changed, suggested) {
    this.changed = changed;
    this.suggested = suggested;
    this.photograph = null;
    this.place = null;
    this.suggesting = null;
    byId("aiming").addEventListener("click", () => this.toggle());
    byId("use-other").addEventListener("click", () => this.set(byId("other").value));
    for (const id of ["column", "row"]) {
      byId(id).addEventListener("change", () => {
        const place = { x: byId("column").valueAsNumber, y: byId("row").valueAsNumber };
        this.move(stage.inside(place, this.photograph.size));
      });
    }
    stage.watch({
      sized: () => this.photograph.size,
      placed: () => this.place,
      moved: (place) => this.move(place),
      chosen: async () => {
        await this.suggesting;
        (byId("likely").querySelector("button") ?? byId("other")).focus();
      },
    });
  }

  /** Takes the photograph that is shown now. */
  take(photograph) {
    if (photograph !== this.photograph) this.stop();
    this.photograph = photograph;
    this.list();
  }

  toggle() {
    if (this.place !== null) {
      this.stop();
      return;
    }
    const { width, height } = this.photograph.size;
    byId("aiming").setAttribute("aria-pressed", "true");
    byId("hint-panel").hidden = false;
    this.move({ x: Math.floor(width / 2), y: Math.floor(height / 2) });
    stage.focus();
  }

  stop() {
    this.place = null;
    byId("aiming").setAttribute("aria-pressed", "false");
    byId("hint-panel").hidden = true;
    stage.point(null);
  }

  move(place) {
    const { photograph } = this;
    this.place = place;
    stage.point(place, photograph.size);
    byId("column").max = photograph.size.width - 1;
    byId("row").max = photograph.size.height - 1;
    byId("column").value = place.x;
    byId("row").value = place.y;
    byId("place").textContent = `Column ${place.x}, row ${place.y}`;
    // Those of the place before.
    byId("likely").replaceChildren();
    this.suggesting = this.suggest(photograph, place);
  }

  async suggest(photograph, place) {
    const found = await this.suggested(photograph, place);
    // The place may have moved on meanwhile.
    if (this.place !== place) return;
    const buttons = found.map(({ color, share }) => {
      const button = element("button", { type: "button" }, swatch(color));
      button.append(`${color}, ${Math.round(100 * share)}\u00a0%`);
      button.addEventListener("click", () => this.set(color));
      return element("li", {}, button);
    });
    byId("likely").replaceChildren(...buttons);
  }

  set(color) {
    const { photograph, place } = this;
    const others = photograph.hints.filter(({ x, y }) => x !== place.x || y !== place.y);
    photograph.hints = [...others, { ...place, color }];
    this.list();
    this.changed();
  }

  list() {
    const { hints, size } = this.photograph;
    byId("hints-heading").hidden = !hints.length;
    const items = hints.map((hint) => {
      const where = `${hint.color} at ${hint.x}, ${hint.y}`;
      const remove = element("button", { type: "button", textContent: "Remove" });
      remove.setAttribute("aria-label", `Remove ${where}`);
      remove.addEventListener("click", () => {
        this.photograph.hints = hints.filter((other) => other !== hint);
        this.list();
        byId("aiming").focus();
        this.changed();
      });
      return element("li", {}, swatch(hint.color), where, remove);
    });
    byId("hints").replaceChildren(...items);
    stage.mark(hints, size);
  }
}
