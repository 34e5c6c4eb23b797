// The service worker: keeps the site's own files, so that the page works offline, and
// isolates the page from other origins, so that the network may use several threads.

// Sets VERSION, and FILES: paths below the site's folder.
importScripts("files.js");

const PREFIX = `jaxcolor ${self.registration.scope} `;
const CACHE = PREFIX + self.VERSION;
const URLS = new Set(self.FILES.map((path) => new URL(path, self.registration.scope).href));
// Runtimes and the model are large, and of the runtimes one is used: they are kept once
// the page has asked for them.
const SMALL = self.FILES.filter((path) => !/\.(onnx|wasm|mjs)$/.test(path));

self.addEventListener("install", (event) => {
  const kept = caches.open(CACHE).then((cache) =>
    // Not from the browser's own cache, which may hold files of an earlier version.
    cache.addAll(SMALL.map((path) => new Request(path, { cache: "reload" }))),
  );
  event.waitUntil(kept.then(() => self.skipWaiting()));
});

async function forgetOthers() {
  const names = await caches.keys();
  const old = names.filter((name) => name.startsWith(PREFIX) && name !== CACHE);
  await Promise.all(old.map((name) => caches.delete(name)));
}

self.addEventListener("activate", (event) => {
  event.waitUntil(forgetOthers().then(() => self.clients.claim()));
});

function isolated(response) {
  if (response.type === "opaqueredirect") return response;
  const headers = new Headers(response.headers);
  headers.set("Cross-Origin-Opener-Policy", "same-origin");
  headers.set("Cross-Origin-Embedder-Policy", "require-corp");
  const { status, statusText } = response;
  return new Response(response.body, { status, statusText, headers });
}

async function answer(request, url) {
  const cache = await caches.open(CACHE);
  const kept = await cache.match(url);
  if (kept) return isolated(kept);
  const response = await fetch(request);
  if (response.ok && URLS.has(url)) await cache.put(url, response.clone());
  return isolated(response);
}

self.addEventListener("fetch", (event) => {
  const url = new URL(event.request.url);
  url.search = "";
  url.hash = "";
  if (url.href === self.registration.scope) url.pathname += "index.html";
  if (event.request.method === "GET" && URLS.has(url.href)) {
    event.respondWith(answer(event.request, url.href));
  }
});
