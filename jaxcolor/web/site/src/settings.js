// The sliders of the decoding.

import { byId } from "./page.js";

const NAMES = ["rebalancing_lambda", "temperature", "strength", "coherence"];

/** The settings, as the sliders have them. */
export class Settings {
  /** @param changed - is called whenever a setting has changed. */
  constructor(changed) {
    this.model = null;
    this.values = {};
    for (const name of NAMES) {
      byId(name).addEventListener("input", () => {
        this.values[name] = byId(name).valueAsNumber;
        this.write(name);
        changed();
      });
    }
    byId("reset").addEventListener("click", () => {
      this.reset();
      changed();
    });
  }

  /** Takes the settings of a model, and hides those that it has not. */
  fit(model) {
    this.model = model;
    for (const name of NAMES) {
      const has = name === "coherence" ? model.has_features : model.settings[name] !== null;
      document.querySelector(`[data-setting="${name}"]`).hidden = !has;
    }
    this.reset();
  }

  reset() {
    this.values = { ...this.model.settings };
    for (const name of NAMES) {
      if (this.values[name] === null) continue;
      byId(name).value = this.values[name];
      this.write(name);
    }
  }

  write(name) {
    const text = String(Math.round(100 * this.values[name]) / 100);
    document.querySelector(`output[for="${name}"]`).textContent = text;
  }
}
