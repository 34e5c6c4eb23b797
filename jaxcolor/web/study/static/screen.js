// What the pictures are shown on. Only what a study of vision needs: no version, no
// name, no language.

/** Returns the screen, as the server stores it. */
export function describe(frameMs) {
  return {
    screen_width: screen.width,
    screen_height: screen.height,
    window_width: innerWidth,
    window_height: innerHeight,
    pixel_ratio: devicePixelRatio,
    zoom: zoom(),
    frame_ms: frameMs,
    browser: browser(),
    has_touch: navigator.maxTouchPoints > 0,
  };
}

/** Tells whether this is a phone or a tablet. */
export function isMobile() {
  const isTold = navigator.userAgentData?.mobile;
  const isCoarse = matchMedia("(pointer: coarse)").matches;
  return Boolean(isTold) || (isCoarse && !matchMedia("(any-pointer: fine)").matches);
}

function zoom() {
  // The frame of a window is not enlarged, the page in it is. Firefox gives both in the
  // page's own pixels: there only the ratio of pixels tells.
  const isComparable = outerWidth && innerWidth && browser() !== "Firefox";
  const ofPage = isComparable ? outerWidth / innerWidth : 1;
  const ofFingers = visualViewport?.scale ?? 1;
  const rounded = Math.round(100 * ofPage * ofFingers) / 100;
  return Math.min(10, Math.max(0.1, rounded));
}

function browser() {
  const agent = navigator.userAgent;
  if (/Firefox\//.test(agent)) return "Firefox";
  if (/Chrome\//.test(agent)) return "Chromium";
  return /Safari\//.test(agent) ? "Safari" : "other";
}
