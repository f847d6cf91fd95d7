/**
 * The page itself, so that it opens without a network: what the page is made of, and nothing that anybody has written. The
 * newest is taken where there is a network. Mail never passes through here.
 */
/** Written in by the build: what the page is made of, and a name that changes with it. */
const BUILT = { name: 'unbuilt', assets: [] };
const CACHE = `restante-page-${BUILT.name}`;
const isPart = (url) =>
  url.origin === location.origin &&
  (url.pathname === '/' || /^\/(assets\/|icon\.svg$|manifest|mail-frame)/.test(url.pathname));

self.addEventListener('install', (event) => {
  const frames = ['/mail-frame.html', '/mail-frame-remote.html'];
  const shell = ['/', '/icon.svg', '/manifest.webmanifest', ...frames, ...BUILT.assets];
  event.waitUntil(
    caches
      .open(CACHE)
      .then((cache) => cache.addAll(shell))
      .then(() => self.skipWaiting()),
  );
});

self.addEventListener('activate', (event) => event.waitUntil(forgetOthers().then(() => self.clients.claim())));

self.addEventListener('fetch', (event) => {
  const url = new URL(event.request.url);
  if (event.request.method !== 'GET' || !isPart(url)) return;
  event.respondWith(url.pathname.startsWith('/assets/') ? keptFirst(event.request) : newestFirst(event.request));
});

/** There is a network again, and something waits to be sent: only a window has what it takes to do so. */
self.addEventListener('sync', (event) => event.waitUntil(tellWindows('sync')));

async function tellWindows(message) {
  for (const client of await self.clients.matchAll({ type: 'window' })) client.postMessage(message);
}

/** Of builds before this one. */
async function forgetOthers() {
  const names = await caches.keys();
  await Promise.all(names.filter((name) => name !== CACHE).map((name) => caches.delete(name)));
}

/** Its name has its content's hash: it never changes. */
async function keptFirst(request) {
  const cache = await caches.open(CACHE);
  return (await cache.match(request)) ?? keep(cache, request, await fetch(request));
}

async function newestFirst(request) {
  const cache = await caches.open(CACHE);
  try {
    return await keep(cache, request, await fetch(request));
  } catch (error) {
    const kept = await cache.match(request, { ignoreSearch: true });
    if (kept === undefined) throw error;
    return kept;
  }
}

async function keep(cache, request, response) {
  if (response.ok) await cache.put(request, response.clone());
  return response;
}
