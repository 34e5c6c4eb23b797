// A participant's way through the study: consent, practice, test, thanks.

import { load, release } from "./pictures.js";
import { RefusedError, send, whenLost } from "./requests.js";
import { describe, isMobile } from "./screen.js";
import * as stage from "./stage.js";
import { frameInterval } from "./timing.js";
import { run } from "./trial.js";
import { announce, offerFullScreen, pressed, show, shown } from "./views.js";

const CONFLICT = 409;

/** Goes through all stages that are left. */
async function takePart(interval) {
  let state = await send("GET", "state");
  const isOver = state.stage === "finished";
  if (!isOver && isMobile() && !state.protocol.allows_mobile) {
    show("refused");
    return;
  }
  const isNew = state.stage === "consent";
  if (isNew) {
    await pressed(show("consent"));
    state = await send("POST", "session", describe(interval));
  }
  let opening = isNew ? "instructions" : "resumed";
  for (const kind of ["practice", "test"]) {
    const trials = state.trials.filter((trial) => trial.kind === kind);
    if (trials.length) {
      await takeBlock(opening, trials, { rules: state.protocol, interval });
      opening = "between";
    }
  }
  finish(await send("GET", "state"));
}

/** Shows a page while pictures are loaded, and then the trials of a block. */
async function takeBlock(opening, trials, { rules, interval }) {
  const view = show(opening);
  const button = view.querySelector("[data-continue]");
  const progress = view.querySelector("[data-progress]");
  const pictures = await load(trials, (done, all) => {
    progress.textContent = `Loading pictures: ${done} of ${all}`;
  });
  progress.textContent = "The pictures are ready.";
  button.disabled = false;
  await pressed(view);
  show("stage");
  stage.prepare(rules.size);
  for (const trial of trials) {
    const isPractice = trial.kind === "practice";
    const number = trial.position + 1 - (isPractice ? 0 : rules.practice);
    const all = isPractice ? rules.practice : rules.test;
    const text = `${isPractice ? "Practice" : "Pair"} ${number} of ${all}`;
    stage.count(text);
    announce(text);
    await run(trial, { pictures, rules, interval });
    release(pictures, trial);
  }
}

function finish({ completion_code: code, return_url: url }) {
  const view = show("finished");
  const ofCode = view.querySelector("[data-code]");
  ofCode.hidden = !code;
  ofCode.querySelector("strong").textContent = code;
  const ofReturn = view.querySelector("[data-return]");
  ofReturn.hidden = !url;
  if (url) ofReturn.querySelector("a").href = url;
}

/** Runs the study in one tab only, where the browser can tell. */
async function alone(task) {
  if (!navigator.locks) {
    await task();
    return;
  }
  const options = { ifAvailable: true };
  await navigator.locks.request(location.pathname, options, async (lock) => {
    if (lock) await task();
    else show("elsewhere");
  });
}

/** Waits until the participant wants to try again; what was sent is not lost. */
async function waitForConnection() {
  const before = shown();
  await pressed(show("lost"));
  show(before);
}

/** Shows why it cannot go on. */
function explain(error) {
  // Such as an answer from another tab: the server knows what comes next.
  if (error instanceof RefusedError && error.status === CONFLICT) {
    location.reload();
    return;
  }
  const view = show("problem");
  view.querySelector("[data-reason]").textContent = error.message;
  throw error;
}

whenLost(waitForConnection);
offerFullScreen();
alone(async () => takePart(await frameInterval())).catch(explain);
