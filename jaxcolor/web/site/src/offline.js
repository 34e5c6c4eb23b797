// The service worker, on the page's side.

const PATIENCE_MS = 10_000;

/**
 * Returns whether the site's files are kept for when there is no network.
 *
 * To be awaited before the large files are loaded: the service worker keeps those that
 * pass through it.
 */
export async function kept() {
  // Browsers allow it on localhost and over HTTPS.
  if (!navigator.serviceWorker) return false;
  const { serviceWorker } = navigator;
  const controlled = new Promise((resolve) => {
    serviceWorker.addEventListener("controllerchange", () => resolve(true), { once: true });
    setTimeout(() => resolve(false), PATIENCE_MS);
  });
  try {
    await serviceWorker.register(new URL("../sw.js", import.meta.url));
  } catch (error) {
    console.warn("no service worker:", error);
    return false;
  }
  return Boolean(serviceWorker.controller) || controlled;
}
