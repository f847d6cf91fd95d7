/**
 * The page itself, so that it opens without a network: what the page is made of, and nothing that anybody has written. The
 * newest is taken where there is a network. Mail never passes through here.
 */
/** Written in by the build: what the page is made of, and a name that changes with it. */
const BUILT = { name: 'unbuilt', assets: [] };
const CACHE = `restante-page-${BUILT.name}`;
/** What is said in the person's language, which only the page knows: it puts it here. */
const WORDS_CACHE = 'restante-words';
const WORDS = '/words';
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

self.addEventListener('push', (event) => event.waitUntil(takePush(event.data?.json())));

/** What the push service has brought: the hub's code for the page, or that there is mail. Nothing of the mail comes this way. */
async function takePush(message) {
  if (message?.['@type'] === 'PushVerification') return tellWindows(message);
  const windows = await self.clients.matchAll({ type: 'window' });
  if (windows.some(({ visibilityState }) => visibilityState === 'visible')) return undefined;
  // A window that runs behind others has said it, or will, and says more.
  if ((await self.registration.getNotifications()).length > 0) return undefined;
  const words = await (await caches.open(WORDS_CACHE)).match(WORDS);
  const { newMail } = words === undefined ? { newMail: 'New mail' } : await words.json();
  return self.registration.showNotification('Restante', { body: newMail, icon: '/icon.svg', tag: 'restante-push' });
}

self.addEventListener('notificationclick', (event) => {
  event.notification.close();
  event.waitUntil(showWindow());
});

async function showWindow() {
  const [window] = await self.clients.matchAll({ type: 'window' });
  return window === undefined ? self.clients.openWindow('/') : window.focus();
}

/** Of builds before this one, but for the last: windows that were opened with it load parts of theirs when they need them. */
async function forgetOthers() {
  const others = (await caches.keys()).filter((name) => name !== CACHE && name !== WORDS_CACHE);
  await Promise.all(others.slice(0, -1).map((name) => caches.delete(name)));
}

/** Its name has its content's hash: it never changes. */
async function keptFirst(request) {
  return (await caches.match(request)) ?? keep(await caches.open(CACHE), request, await fetch(request));
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
