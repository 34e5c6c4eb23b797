// One trial: the pictures, the question, the answer.

import { send } from "./requests.js";
import * as stage from "./stage.js";
import { frame, FrameCounter } from "./timing.js";
import { announce } from "./views.js";

/**
 * Shows a trial, asks, and stores the answer.
 *
 * trial: as the server describes it; pictures: decoded, by token; rules: of the study;
 * interval: time between frames.
 */
export async function run(trial, { pictures, rules, interval }) {
  const path = `trials/${trial.position}`;
  await send("PUT", `${path}/showing`, { number: trial.exposures + 1 });
  const shown = await expose(trial, { pictures, rules, interval });
  announce("Which picture has fake colors?");
  const { asked, ...times } = shown;
  const given = await stage.ask(asked);
  const answer = await send("PUT", `${path}/answer`, { ...given, ...times });
  if (answer.real !== null) {
    await explain(trial, { pictures, rules, interval }, answer.real, given.fake_position);
  }
}

/** Shows both pictures, and returns for how long. */
async function expose(trial, { pictures, rules, interval }) {
  stage.clear();
  const counter = new FrameCounter(interval);
  const start = await frame();
  const first = await counter.until(start, rules.lead_ms);
  // Only what happens while a picture may be seen counts.
  counter.dropped = 0;
  stage.draw(pictures.get(trial.first), "first");
  const blank = await counter.until(first, rules.first_ms);
  stage.clear();
  const second = await counter.until(blank, rules.blank_ms);
  stage.draw(pictures.get(trial.second), "second");
  const end = await counter.until(second, rules.second_ms);
  stage.clear();
  const dropped = counter.dropped;
  const asked = await counter.until(end, rules.question_ms);
  return {
    asked,
    first_ms: blank - first,
    blank_ms: second - blank,
    second_ms: end - second,
    dropped_frames: dropped,
  };
}

async function explain(trial, { pictures, rules, interval }, real, chosen) {
  const shown = {
    first: pictures.get(trial.first),
    second: pictures.get(trial.second),
  };
  announce(stage.explain(shown, { real, chosen }));
  const counter = new FrameCounter(interval);
  await counter.until(await frame(), rules.feedback_ms);
  stage.endExplanation();
}
