// From the outputs of one run of the network to colors: the order of
// jaxcolor/inference/prediction.py. Nothing here runs the network.

import { neighbors } from "./affinity.js";
import { annealedMean, modes, moved, softCode } from "./bins.js";
import { diffused, guided } from "./coherence.js";
import { mixed, shares, wholeShare } from "./hints.js";
import { labOfLevels, writeLevels } from "./lab.js";
import { cellSeen, pixelSeen, withoutPadding } from "./view.js";

const MOST_SUGGESTIONS = 6;

/** Returns the levels of a color such as #c01020. */
export function levelsOf(color) {
  return [1, 3, 5].map((n) => Number.parseInt(color.slice(n, n + 2), 16));
}

/** What the network predicted for a photograph, to be decoded in many ways. */
export class Prediction {
  /**
   * @param model - as model.json has it.
   * @param photo - width and height of the photograph.
   * @param view - of the photograph.
   * @param cells - output of the network: logits of bins, or ab.
   * @param features - output of the network, or null.
   */
  constructor(model, photo, view, cells, features) {
    this.model = model;
    this.photo = photo;
    this.view = view;
    const count = (view.width / view.stride) * (view.height / view.stride);
    const kept = (map) => withoutPadding(map, map.length / count, view);
    this.cells = kept(cells);
    this.features = features === null ? null : kept(features);
    this.graph = null;
  }

  /**
   * Returns colors of the cells, as `painter` takes them.
   *
   * @param settings - temperature, rebalancing_lambda and coherence.
   * @param hints - x and y of pixels of the photograph, and colors such as #c01020.
   */
  colors(settings, hints = []) {
    const { model, view } = this;
    if (model.centers === null) return this.coherent(this.cells, settings.coherence);
    let logits = this.logits(settings);
    let share = null;
    if (hints.length) {
      const places = hints.map((hint) => cellSeen(hint, this.photo, view));
      const codes = hints.map(({ color }) => {
        const [, a, b] = labOfLevels(...levelsOf(color));
        return softCode(a, b, model);
      });
      const each = shares(logits, view.cells, view, places, model);
      share = wholeShare(each, hints.length);
      logits = mixed(logits, each, codes);
    }
    const ab = annealedMean(logits, model.centers, settings.temperature);
    const found = this.coherent(ab, settings.coherence);
    return share === null || found === ab ? found : kept(ab, found, share);
  }

  /** Returns likely colors of a pixel as text such as #c01020, with their shares. */
  suggestions(point, settings) {
    const { model, view } = this;
    const { row, column } = pixelSeen(point, this.photo, view);
    const own = view.lightness[row * view.width + column];
    const bins = model.centers.length;
    const at = cellSeen(point, this.photo, view) * bins;
    const logits = this.logits(settings).subarray(at, at + bins);
    const found = modes(logits, model.centers, settings.temperature, MOST_SUGGESTIONS);
    return found.map(({ a, b, share }) => {
      const levels = [0, 0, 0];
      writeLevels(own, a, b, levels, 0);
      const code = levels.map((x) => x.toString(16).padStart(2, "0")).join("");
      return { color: `#${code}`, share };
    });
  }

  logits({ rebalancing_lambda: lambda }) {
    return moved(this.cells, this.model, lambda);
  }

  coherent(ab, coherence) {
    if (!coherence || this.features === null) return ab;
    const { model, view } = this;
    // The same for all settings.
    this.graph ??= neighbors(this.features, view.cells, view, model.diffusion, model.axes);
    const spread = diffused(ab, this.graph, coherence);
    const share = model.guided.share * coherence;
    return guided(spread, view.cells, view, share, model.guided);
  }
}

/** Returns coherent colors, but for the share of hints ab as it is. */
function kept(ab, coherent, share) {
  return coherent.map((x, n) => {
    const cell = Math.floor(n / 4);
    const plain = n % 4 < 2 ? ab[2 * cell + (n % 4)] : 0;
    return share[cell] * plain + (1 - share[cell]) * x;
  });
}
