/**
 * What is said of new mail. Chromium without Google's keys has no push service, and a hub's user server believes no
 * certificate of a test's; so the way between the two is cut out: the hub's part of a subscription is answered here, and what
 * the push service would bring is given to the service worker by the debugger. That the hub encrypts and posts such messages
 * is tested in src/jmap/push.
 */
import type { CDPSession, Page, Route } from 'playwright-core';
import { expect } from 'vitest';
import { mail, row } from '../harness/web-page.ts';
import { LACKS_CHROMIUM, test } from '../harness/web-test.ts';

const SLOW_MS = 60_000;

const SUBSCRIPTION = { endpoint: 'https://push.example/1', keys: { p256dh: 'a point', auth: 'a secret' } };
/** In place of a push service. */
const SUBSCRIBING = `
  const subscription = { toJSON: () => (${JSON.stringify(SUBSCRIPTION)}), unsubscribe: async () => true };
  PushManager.prototype.subscribe = async () => subscription;
  PushManager.prototype.getSubscription = async () => subscription;
`;

/** The hub's part of a subscription: it posts a code to the endpoint, and is told it. */
class PushHub {
  readonly asked: object[] = [];
  readonly #post: (message: object) => Promise<unknown>;

  constructor(post: (message: object) => Promise<unknown>) {
    this.#post = post;
  }

  async answer(route: Route): Promise<void> {
    const { methodCalls } = route.request().postDataJSON() as {
      methodCalls: [[string, Record<string, object>, string]];
    };
    const [[name, args, id]] = methodCalls;
    if (!name.startsWith('PushSubscription/')) return route.continue();
    this.asked.push(args);
    const created = args.create === undefined ? null : { this: { id: 'p1' } };
    const answer = name.endsWith('/get') ? { list: [] } : { created, updated: args.update ?? null };
    await route.fulfill({ json: { methodResponses: [[name, answer, id]], sessionState: '0' } });
    if (created !== null)
      await this.#post({ '@type': 'PushVerification', pushSubscriptionId: 'p1', verificationCode: 'the code' });
  }
}

async function registrationOf(session: CDPSession): Promise<string> {
  const told = new Promise<string>((resolve) =>
    session.on('ServiceWorker.workerRegistrationUpdated', ({ registrations }) => {
      const [registration] = registrations;
      if (registration !== undefined) resolve(registration.registrationId);
    }),
  );
  await session.send('ServiceWorker.enable');
  return told;
}

/**
 * In the page and in its service worker: what was asked to be shown, once it is. Chromium forgets a notification that is being
 * shown while somebody asks for the list of them: so the list is asked for when this has told, and not over and over.
 */
const TELLING = `
  self.told = [];
  const show = ServiceWorkerRegistration.prototype.showNotification;
  ServiceWorkerRegistration.prototype.showNotification = async function (title, options) {
    await show.call(this, title, options);
    self.told.push(title + ': ' + options.body);
  };
`;

async function untilTold(where: Pick<Page, 'evaluate'>, notification: string): Promise<void> {
  const told = (): Promise<string[]> => where.evaluate('self.told');
  await expect.poll(told, { timeout: SLOW_MS }).toContainEqual(notification);
}

const shown = (page: Page): Promise<string[]> =>
  page.evaluate(`navigator.serviceWorker.ready
    .then((registration) => registration.getNotifications())
    .then((all) => all.map(({ title, body }) => title + ': ' + body))`);

// It needs a browser to look at a page with.
test.skipIf(LACKS_CHROMIUM)(
  'new mail is said as somebody chose: with sender and subject, without, and by push where no window is open',
  async ({ home }) => {
    const bob = await home.person('bob');
    const tell = (to: string, subject: string): Promise<unknown> =>
      home.as(bob, 'send', '--to', to, '--subject', subject, '--body', 'words for one');
    const { address, context, page } = await home.signIn(await home.person('alice'), {
      serviceWorkers: 'allow',
      permissions: ['notifications'],
    });
    await page.evaluate('navigator.serviceWorker.ready.then(() => undefined)');
    await context.addInitScript(SUBSCRIBING + TELLING);
    await page.reload();
    const session = await context.newCDPSession(page);
    const registrationId = await registrationOf(session);
    const origin = new URL(home.web).origin;
    const push = (message: object): Promise<unknown> =>
      session.send('ServiceWorker.deliverPushMessage', { origin, registrationId, data: JSON.stringify(message) });
    const hub = new PushHub(push);
    await page.route('**/jmap/api', (route) => hub.answer(route));

    await page.getByRole('button', { name: 'Settings' }).click();
    await page.getByLabel('Tell me of new mail').check();
    const closed = page.getByLabel('Also while no window is open');
    await closed.click();
    await expect.poll(() => closed.isEnabled(), { timeout: SLOW_MS }).toBe(true);
    expect(await closed.isChecked()).toBe(true);
    await page.keyboard.press('Escape');
    const { endpoint: url, keys } = SUBSCRIPTION;
    expect(hub.asked).toMatchObject([
      { ids: null },
      { create: { this: { url, keys, types: ['EmailDelivery'] } } },
      { update: { p1: { verificationCode: 'the code' } } },
    ]);

    // A window behind others: browsers without a screen have none, so the page is told that it is one.
    await page.evaluate(
      `Object.defineProperty(document, 'visibilityState', { get: () => 'hidden', configurable: true })`,
    );
    await tell(address, 'behind others');
    await untilTold(page, `${bob}: behind others`);
    expect(await shown(page)).toEqual([`${bob}: behind others`]);
    await page.evaluate(`localStorage.setItem('restante.notify-discreetly', 'on')`);
    await tell(address, 'nobody’s business');
    await untilTold(page, 'Restante: There is new mail.');
    expect((await shown(page)).sort()).toEqual(['Restante: There is new mail.', `${bob}: behind others`].sort());

    await page.evaluate(`navigator.serviceWorker.ready
      .then((registration) => registration.getNotifications())
      .then((all) => all.forEach((one) => one.close()))`);
    // Whoever looks at the page sees the mail there.
    await page.evaluate(`Object.defineProperty(document, 'visibilityState', { get: () => 'visible' })`);
    await tell(address, 'in sight');
    await row(page, 'in sight').waitFor({ timeout: SLOW_MS });
    expect(await shown(page)).toEqual([]);
    const [worker] = context.serviceWorkers();
    if (worker === undefined) throw new Error('the page has no service worker');
    await worker.evaluate(TELLING);
    await page.goto('about:blank');
    await push({ '@type': 'StateChange', changed: { encrypted: { EmailDelivery: 's2' } } });
    await untilTold(worker, 'Restante: There is new mail.');
    await page.goto(home.web);
    expect(await shown(page)).toEqual(['Restante: There is new mail.']);
    // Whoever comes next is told nothing of it.
    await page.getByRole('button', { name: 'Sign out' }).click();
    await page.getByLabel('Address').waitFor();
    expect(await shown(page)).toEqual([]);
    await context.close();
  },
);

/** One more than the page looks at to know what is new. */
const UNREAD = 51;

// It needs a browser to look at a page with.
test.skipIf(LACKS_CHROMIUM)('old mail is not said as new when newer mail is read elsewhere', async ({ home }) => {
  const address = await home.person('nora');
  await home.fill(
    address,
    Array.from({ length: UNREAD }, (_, index) => mail(`old ${index}`)),
  );
  const { context, page } = await home.signIn(address, {
    serviceWorkers: 'allow',
    permissions: ['notifications'],
  });
  await page.evaluate('navigator.serviceWorker.ready.then(() => undefined)');
  await page.evaluate(TELLING);
  await page.getByRole('button', { name: 'Settings' }).click();
  const looked = page.waitForResponse((response) => (response.request().postData() ?? '').includes('"notKeyword"'));
  await page.getByLabel('Tell me of new mail').check();
  await (await looked).finished();
  await page.keyboard.press('Escape');
  await page.evaluate(
    `Object.defineProperty(document, 'visibilityState', { get: () => 'hidden', configurable: true })`,
  );
  // The newest is read on another device.
  const newestFirst = { sort: [{ property: 'receivedAt', isAscending: false }], limit: 1 };
  const newest = { accountId: 'encrypted', ...newestFirst };
  const [{ ids }] = await home.call<[{ ids: [string] }]>(address, [['Email/query', newest, '0']]);
  const update = { [ids[0]]: { 'keywords/$seen': true } };
  await home.call(address, [['Email/set', { accountId: 'encrypted', update }, '0']]);
  await page.locator('.count', { hasText: `${UNREAD - 1}` }).waitFor();
  await home.fill(address, [mail('in truth new')]);
  await untilTold(page, 'Carol: in truth new');
  expect(await shown(page)).toEqual(['Carol: in truth new']);
  await context.close();
});
