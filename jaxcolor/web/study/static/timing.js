// Time, counted in frames of the screen.

/** Returns the time of the next frame. What is drawn then, is shown in it. */
export function frame() {
  return new Promise(requestAnimationFrame);
}

/** Returns the time between frames: the median of some. */
export async function frameInterval(count = 31) {
  const steps = [];
  let last = await frame();
  for (let n = 0; n < count; n += 1) {
    const now = await frame();
    steps.push(now - last);
    last = now;
  }
  steps.sort((a, b) => a - b);
  return Math.max(1, steps[Math.floor(count / 2)]);
}

/** Counts frames, and those that the screen missed. */
export class FrameCounter {
  constructor(interval) {
    this.interval = interval;
    this.dropped = 0;
  }

  /** Returns the time of the frame that is nearest to `start + duration`. */
  async until(start, duration) {
    let last = start;
    // No wait at all where none is wanted.
    while (last - start < duration - this.interval / 2) {
      const now = await frame();
      this.dropped += Math.max(0, Math.round((now - last) / this.interval) - 1);
      last = now;
    }
    return last;
  }
}
