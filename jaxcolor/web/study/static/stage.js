// The stage: two places for pictures, the question, and the feedback of practice.

const GAP = 32;
// Space at the sides, CSS pixels.
const MARGIN = 32;
const BORDER = 6;
const RIGHT = "#004d1a";
const WRONG = "#7a0010";

const STAGE = document.getElementById("stage");
const CANVAS = STAGE.querySelector("canvas");
const CONTEXT = CANVAS.getContext("2d", { alpha: true });
const QUESTION = STAGE.querySelector(".question");
const COUNT = STAGE.querySelector("[data-count]");
const LABELS = {
  first: STAGE.querySelector('[data-label="first"]'),
  second: STAGE.querySelector('[data-label="second"]'),
};

let size = 0;
let isWide = true;

/** Lays the stage out for pictures of a size: side by side where there is room. */
export function prepare(side) {
  size = side;
  isWide = innerWidth >= 2 * side + GAP + MARGIN;
  setWidth(isWide);
  QUESTION.classList.add("waiting");
}

/** Says which trial this is. */
export function count(text) {
  COUNT.textContent = text;
}

/** Draws the first or the second picture, and nothing else. */
export function draw(picture, position) {
  clear();
  CONTEXT.drawImage(picture, place(position), BORDER, size, size);
}

/** Clears the stage; its gray is that of the page. */
export function clear() {
  CONTEXT.clearRect(0, 0, CANVAS.width, CANVAS.height);
}

/**
 * Asks, and returns the answer.
 *
 * `asked` is when the question appeared, in the time of frames and events.
 */
export function ask(asked) {
  QUESTION.classList.remove("waiting");
  return new Promise((resolve) => {
    const listening = new AbortController();
    const { signal } = listening;
    const finish = (position, event, device) => {
      listening.abort();
      QUESTION.classList.add("waiting");
      // A hidden button would keep the focus, and a later key press would be lost.
      document.activeElement?.blur();
      const response = Math.max(0, event.timeStamp - asked);
      resolve({ fake_position: position, response_ms: response, device });
    };
    for (const button of QUESTION.querySelectorAll("[data-choice]")) {
      const listen = (event) => finish(button.dataset.choice, event, deviceOf(event));
      button.addEventListener("click", listen, { signal });
    }
    const byKey = { ArrowLeft: "first", ArrowRight: "second" };
    const press = (event) => {
      const isPlain = !event.repeat && !event.altKey && !event.ctrlKey && !event.metaKey;
      if (!isPlain || !(event.key in byKey)) return;
      event.preventDefault();
      finish(byKey[event.key], event, "keyboard");
    };
    document.addEventListener("keydown", press, { signal });
  });
}

/** Shows both pictures with what they are, and which one was chosen. */
export function explain(pictures, { real, chosen }) {
  const isRight = chosen !== real;
  setWidth(true);
  for (const position of ["first", "second"]) {
    const left = column(position);
    CONTEXT.drawImage(pictures[position], left, BORDER, size, size);
    const what = position === real ? "real colors" : "fake colors";
    const verdict = isRight ? "right" : "wrong";
    const isChosen = position === chosen;
    LABELS[position].textContent = isChosen ? `${what} – ${verdict}` : what;
    if (isChosen) {
      CONTEXT.lineWidth = BORDER;
      CONTEXT.strokeStyle = isRight ? RIGHT : WRONG;
      const middle = BORDER / 2;
      const side = size + BORDER;
      CONTEXT.strokeRect(left - middle, middle, side, side);
    }
  }
  const told = real === "first" ? "second" : "first";
  return `${isRight ? "Right" : "Wrong"}: the ${told} picture had fake colors.`;
}

/** Ends the feedback. */
export function endExplanation() {
  for (const label of Object.values(LABELS)) label.textContent = "";
  setWidth(isWide);
}

// To set the width of a canvas clears it.
function setWidth(isDouble) {
  CANVAS.width = (isDouble ? 2 * size + GAP : size) + 2 * BORDER;
  CANVAS.height = size + 2 * BORDER;
}

function place(position) {
  return isWide ? column(position) : BORDER;
}

function column(position) {
  return BORDER + (position === "first" ? 0 : size + GAP);
}

function deviceOf(event) {
  if (event.detail === 0) return "keyboard";
  const known = { mouse: "mouse", touch: "touch", pen: "touch" };
  // Some browsers do not say what made a click.
  return event.pointerType === undefined ? "mouse" : (known[event.pointerType] ?? "other");
}
