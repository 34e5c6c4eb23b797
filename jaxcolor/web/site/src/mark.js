// The mark that tells a colorized picture from a document: jaxcolor/images/marking.py.

function plain(number) {
  return String(Number(number.toPrecision(6)));
}

function escaped(text) {
  const names = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" };
  return text.replace(/[&<>"]/g, (sign) => names[sign]);
}

/**
 * Returns the packet of XMP for a picture.
 *
 * @param model - as model.json has it: its packet has a gap where the system is named.
 * @param settings - of the decoding, and the strength; null for what the model has not.
 */
export function markOf(model, settings) {
  const told = ["temperature", "rebalancing_lambda", "coherence", "strength"]
    .filter((name) => settings[name] !== null)
    .map((name) => `${name.replace("_", " ")} ${plain(settings[name])}`);
  const system = `jaxcolor, model ${model.source} (${model.network}), ${told.join(", ")}`;
  return model.mark.replace(model.gap, () => escaped(system));
}
