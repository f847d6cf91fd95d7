import { describe, expect, test } from 'vitest';
import { ManualClock, SeededPrng, SeededSecureRandom, SILENT_LOG, utf8 } from '../../base/index.ts';
import {
  type Address,
  type DeliveryReport,
  encodeReport,
  type PduId,
  parseAddress,
  parsePduId,
} from '../../protocol/index.ts';
import { MemoryStore } from '../../store/index.ts';
import { signDkim } from './dkim.ts';
import type { Attempt } from './judging.ts';
import { LetterStore } from './letter-store.ts';
import {
  DELAY_TOLD_MS,
  EXPIRY_MS,
  KEEP_RETRY_MS,
  PER_DESTINATION_MAX,
  RETRY_FIRST_MS,
  TOLD_BYTES_MAX,
  TOLD_PER_ACCOUNT_MAX,
  TOLD_REPORTS_MAX,
} from './limits.ts';
import { MailClock } from './mail-clock.ts';
import { Queue } from './queue.ts';
import type { Consignment } from './smtp-talk.ts';

const ALICE = parseAddress('alice@home.example');
const CAROL = parseAddress('carol@a.example');
const DAVE = parseAddress('dave@a.example');
const ERIN = parseAddress('erin@b.example');
const BUSY = { code: 451, text: '4.3.2 come again' };
const DONE = { code: 250, text: '2.0.0 queued' };
const NOBODY = { code: 550, text: '5.1.1 nobody' };
const NOON = Date.UTC(2026, 0, 15, 12);

function idOf(number: number): PduId {
  return parsePduId(number.toString(16).padStart(64, '0'));
}

class Setting implements AsyncDisposable {
  readonly clock = new ManualClock(NOON);
  readonly store = new MemoryStore();
  readonly key: Uint8Array;
  readonly tried: { readonly domain: string; readonly consignment: Consignment; readonly at: number }[] = [];
  readonly reports: DeliveryReport[] = [];
  isFull = false;
  /** What each attempt brings. */
  answer: (domain: string, consignment: Consignment) => Attempt | Promise<Attempt>;
  readonly letters: LetterStore;
  queue: Queue;

  constructor(answer: Setting['answer'], options: { readonly key?: Uint8Array; readonly store?: MemoryStore } = {}) {
    this.answer = answer;
    this.key = options.key ?? new Uint8Array(32).fill(1);
    this.letters = this.#openLetters(options.store ?? this.store);
    this.queue = this.#openQueue();
  }

  #openLetters(store: MemoryStore): LetterStore {
    const open = (): MemoryStore => {
      if (this.isFull) throw new Error('the disk is full');
      return store;
    };
    return new LetterStore({ random: new SeededSecureRandom(1), store: open }, { key: this.key });
  }

  #openQueue(): Queue {
    const queue = new Queue({
      clock: new MailClock(this.clock),
      prng: new SeededPrng(1),
      log: SILENT_LOG,
      letters: this.letters,
      sign: (open) => signDkim(open, { domain: 'home.example', keys: [], now: 0 }),
      onFinal: () => undefined,
      onDeferred: () => undefined,
      courier: {
        carry: async (domain, consignment) => {
          this.tried.push({ domain, consignment, at: this.clock.now() - NOON });
          return await this.answer(domain, consignment);
        },
      },
    });
    queue.reports.on('report', ({ report }) => this.reports.push(report));
    return queue;
  }

  async add(number: number, recipients: readonly Address[], changes: object = {}): Promise<void> {
    const added = await this.letters.add(
      {
        ...{ id: idOf(number), author: ALICE, recipients, returnsNothing: false, sizeBytes: 4 },
        ...{ acceptedAt: this.clock.now(), ...changes },
      },
      utf8('text'),
    );
    if (added.status === 'added') this.queue.add(added.letter);
  }

  /** All that waits is tried until it is over. */
  async finish(): Promise<void> {
    while (this.queue.size > 0) await this.clock.advance(1);
  }

  /** As if the process had ended and begun again. */
  async restart(): Promise<void> {
    await this.queue[Symbol.asyncDispose]();
    this.queue = this.#openQueue();
    await this.queue.start();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.queue[Symbol.asyncDispose]();
  }
}

async function setup(answer: Setting['answer']): Promise<Setting> {
  const setting = new Setting(answer);
  await setting.queue.start();
  return setting;
}

function answered(
  ...replies: readonly (readonly [string, { readonly code: number; readonly text: string }])[]
): Attempt {
  return { kind: 'answered', replies: new Map(replies) };
}

/** As many as a letter may have. */
const CLUB = Array.from({ length: 100 }, (_, index) => parseAddress(`member-${index}@b.example`));

/** One domain refuses with that text; the other takes everything. */
function refusingA(text: string): Setting['answer'] {
  return (domain, { to }) =>
    answered(...to.map((one) => [one, domain === 'a.example' ? { code: 550, text } : DONE] as const));
}

const AWAY: Attempt = { kind: 'failed', reply: { code: 451, text: '4.4.1 nobody answers' } };

describe('the queue of letters', () => {
  test('tries each domain once, and tells what was said of each recipient', async () => {
    await using setting = await setup((domain) =>
      domain === 'a.example' ? answered([CAROL, DONE], [DAVE, NOBODY]) : answered([ERIN, DONE]),
    );
    await setting.add(1, [CAROL, DAVE, ERIN]);
    await setting.clock.advance(0);
    expect(setting.tried.map(({ domain, consignment: { to } }) => [domain, to])).toEqual([
      ['a.example', [CAROL, DAVE]],
      ['b.example', [ERIN]],
    ]);
    expect(
      new Set(setting.reports.map(({ recipients: [whom], reply, status }) => `${whom} ${status} ${reply}`)),
    ).toEqual(
      new Set([
        `${CAROL} delivered 250 2.0.0 queued`,
        `${DAVE} refused 550 5.1.1 nobody`,
        `${ERIN} delivered 250 2.0.0 queued`,
      ]),
    );
    expect(setting.queue.size).toBe(0);
    expect(await setting.letters.reportsOf(ALICE, setting.clock.now())).toHaveLength(3);
  });

  test('comes again to those who were put off, and to them alone, longer and longer, also after a restart', async () => {
    await using setting = await setup(() => answered([CAROL, DONE], [DAVE, BUSY]));
    await setting.add(1, [CAROL, DAVE]);
    await setting.clock.advance(3 * RETRY_FIRST_MS);
    await setting.restart();
    await setting.clock.advance(12 * RETRY_FIRST_MS);
    const waits = setting.tried.slice(1).map(({ at }, index) => at - (setting.tried[index]?.at ?? 0));
    expect(waits.length).toBeGreaterThan(2);
    for (const [index, wait] of waits.entries()) {
      const whole = RETRY_FIRST_MS * 2 ** index;
      expect(wait, `the wait before try ${index + 2}`).toBeGreaterThanOrEqual(whole * 0.75 - 1);
      expect(wait, `the wait before try ${index + 2}`).toBeLessThanOrEqual(whole);
    }
    expect(setting.tried.slice(1).every(({ consignment: { to } }) => to.length === 1 && to[0] === DAVE)).toBe(true);
    setting.answer = () => answered([DAVE, DONE]);
    await setting.clock.advance(DELAY_TOLD_MS);
    expect(setting.queue.size).toBe(0);
  });

  test('tells an author once after four hours that a letter waits, and after five days that it was not delivered', async () => {
    await using setting = await setup(() => answered([CAROL, BUSY]));
    await setting.add(1, [CAROL]);
    await setting.clock.advance(DELAY_TOLD_MS - 1);
    expect(setting.reports).toEqual([]);
    for (let hour = 0; hour < 12; hour++) await setting.clock.advance(3_600_000);
    expect(setting.reports).toMatchObject([{ status: 'delayed', reply: '451 4.3.2 come again' }]);
    while (setting.queue.size > 0) await setting.clock.advance(3_600_000);
    expect(setting.clock.now() - NOON).toBeGreaterThanOrEqual(EXPIRY_MS);
    expect(setting.reports.slice(1)).toMatchObject([
      { status: 'refused', code: '4.4.7', reply: expect.stringContaining('451 4.3.2 come again') },
    ]);
    const tries = setting.tried.length;
    await setting.clock.advance(EXPIRY_MS);
    expect(setting.tried).toHaveLength(tries);
  });

  test('asks a domain that is away by one letter at a time, and forgets none of those behind it', async () => {
    await using setting = await setup(() => AWAY);
    for (let number = 1; number <= 20; number++) await setting.add(number, [CAROL]);
    await setting.clock.advance(0);
    expect(setting.tried.length).toBeLessThanOrEqual(PER_DESTINATION_MAX);
    for (let hour = 0; hour < 12; hour++) await setting.clock.advance(3_600_000);
    expect(setting.tried.length).toBeLessThan(20);
    expect(setting.reports.filter(({ status }) => status === 'delayed')).toHaveLength(20);
    while (setting.queue.size > 0) await setting.clock.advance(3_600_000);
    expect(setting.reports.filter(({ status }) => status === 'refused')).toHaveLength(20);
  });

  test('a domain that returns has everything at once', async () => {
    await using setting = await setup(() => AWAY);
    for (let number = 1; number <= 20; number++) await setting.add(number, [CAROL]);
    await setting.clock.advance(3 * 3_600_000);
    setting.answer = () => answered([CAROL, DONE]);
    setting.queue.retry('a.example');
    for (let turn = 0; turn < 20; turn++) await setting.clock.advance(0);
    expect(setting.reports.filter(({ status }) => status === 'delivered')).toHaveLength(20);
  });

  test('an automatic reply, which nothing may come back of, is told to nobody', async () => {
    await using setting = await setup(() => answered([CAROL, NOBODY]));
    await setting.add(1, [CAROL], { returnsNothing: true });
    await setting.clock.advance(0);
    expect(setting.tried).toMatchObject([{ consignment: { from: '' } }]);
    expect(setting.reports).toEqual([]);
    expect(await setting.letters.reportsOf(ALICE, setting.clock.now())).toEqual([]);
  });

  test('is not moved by a clock that is set', async () => {
    await using setting = await setup(() => answered([CAROL, BUSY]));
    await setting.add(1, [CAROL]);
    setting.clock.jumpTo(NOON + 30 * EXPIRY_MS);
    await setting.clock.advance(RETRY_FIRST_MS);
    expect(setting.tried).toHaveLength(2);
    expect(setting.reports).toEqual([]);
  });

  test('goes on in time with a letter that was accepted by a clock that was ahead, once that is set right', async () => {
    await using setting = await setup(() => answered([CAROL, BUSY]));
    setting.clock.jumpTo(NOON + 30 * EXPIRY_MS);
    await setting.restart();
    await setting.add(1, [CAROL]);
    await setting.clock.advance(0);
    setting.clock.jumpTo(NOON);
    await setting.restart();
    await setting.clock.advance(0);
    expect(setting.tried.at(-1)?.at).toBe(0);
    await setting.clock.advance(DELAY_TOLD_MS - 1);
    expect(setting.reports).toEqual([]);
    for (let hour = 0; hour < 12; hour++) await setting.clock.advance(3_600_000);
    expect(setting.reports).toMatchObject([{ status: 'delayed', queuedAt: NOON }]);
    await setting.clock.advance(EXPIRY_MS);
    expect(setting.reports.slice(1)).toMatchObject([{ status: 'refused', code: '4.4.7' }]);
    expect(setting.queue.size).toBe(0);
  });

  test('goes on with a letter that was tried by a clock that was ahead, once that is set right', async () => {
    await using setting = await setup(() => answered([CAROL, BUSY]));
    await setting.add(1, [CAROL]);
    await setting.clock.advance(0);
    setting.clock.jumpTo(NOON + EXPIRY_MS / 2);
    await setting.restart();
    await setting.clock.advance(0);
    expect(setting.tried).toHaveLength(2);
    setting.clock.jumpTo(NOON + RETRY_FIRST_MS);
    await setting.restart();
    setting.answer = () => answered([CAROL, DONE]);
    await setting.clock.advance(0);
    expect(setting.tried).toHaveLength(3);
    expect(setting.queue.size).toBe(0);
  });

  test('takes a letter once, whoever asks how often, and says so after a restart', async () => {
    await using setting = await setup(() => answered([CAROL, DONE]));
    await Promise.all([setting.add(1, [CAROL]), setting.add(1, [CAROL])]);
    await setting.clock.advance(0);
    await setting.restart();
    await setting.add(1, [CAROL]);
    await setting.clock.advance(0);
    expect(setting.tried).toHaveLength(1);
  });

  test('what cannot be opened is told, and never sent: a restored home does not send what it has sent', async () => {
    await using setting = await setup(() => AWAY);
    await setting.add(1, [CAROL]);
    await setting.clock.advance(0);
    await setting.queue[Symbol.asyncDispose]();
    await using restored = new Setting(() => answered([CAROL, DONE]), {
      key: new Uint8Array(32).fill(2),
      store: setting.store,
    });
    restored.clock.jumpTo(NOON + RETRY_FIRST_MS);
    await restored.queue.start();
    await restored.clock.advance(RETRY_FIRST_MS);
    expect(restored.tried).toEqual([]);
    expect(restored.reports).toMatchObject([{ status: 'refused', code: '5.3.0' }]);
  });

  test('what an attempt brought is told when it is on disk, and nobody is asked again before', async () => {
    await using setting = await setup(() => {
      setting.isFull = true;
      return answered([CAROL, DONE]);
    });
    await setting.add(1, [CAROL]);
    await setting.clock.advance(RETRY_FIRST_MS);
    expect(setting.reports).toEqual([]);
    setting.isFull = false;
    await setting.clock.advance(KEEP_RETRY_MS);
    expect(setting.reports).toMatchObject([{ status: 'delivered' }]);
    expect(setting.tried).toHaveLength(1);
  });
});

describe('what an author is told', () => {
  test('has what was refused before what was delivered, newest first, and not more than can be told', async () => {
    await using setting = await setup(refusingA(NOBODY.text));
    const told = (): Promise<readonly DeliveryReport[]> => setting.letters.reportsOf(ALICE, setting.clock.now());
    await setting.add(1, [CAROL]);
    await setting.finish();
    for (let number = 2; number <= 4; number++) await setting.add(number, CLUB);
    await setting.finish();
    expect(await told()).toHaveLength(3 * CLUB.length + 1);
    for (let number = 5; number <= 11; number++) await setting.add(number, CLUB);
    await setting.finish();
    const reports = await told();
    expect(reports).toHaveLength(TOLD_REPORTS_MAX);
    expect(reports.at(-1)).toMatchObject({ recipients: [CAROL], status: 'refused' });
    expect(reports.every(({ at }, index) => at <= (reports[index - 1]?.at ?? at))).toBe(true);
  });

  test('keeps a letter that was refused longer than those that were delivered', async () => {
    await using setting = await setup(refusingA(NOBODY.text));
    await setting.add(1, [CAROL]);
    for (let number = 2; number <= TOLD_PER_ACCOUNT_MAX + 1; number++) await setting.add(number, [ERIN]);
    await setting.finish();
    await setting.add(TOLD_PER_ACCOUNT_MAX + 2, [ERIN]);
    await setting.finish();
    const reports = await setting.letters.reportsOf(ALICE, setting.clock.now());
    expect(reports.filter(({ status }) => status === 'refused')).toMatchObject([{ pdu: idOf(1) }]);
    expect(reports.map(({ pdu }) => pdu)).not.toContain(idOf(2));
  });

  test('fits a frame, whatever servers have answered', async () => {
    await using setting = await setup(refusingA('\u6f22'.repeat(1_000)));
    const recipients = CLUB.map((one) => parseAddress(one.replace('@b.', '@a.')));
    for (let number = 1; number <= 10; number++) await setting.add(number, recipients);
    await setting.finish();
    const reports = await setting.letters.reportsOf(ALICE, setting.clock.now());
    const bytes = reports.reduce((sum, report) => sum + encodeReport(report).length, 0);
    expect(bytes).toBeGreaterThan(TOLD_BYTES_MAX / 2);
    expect(bytes).toBeLessThanOrEqual(TOLD_BYTES_MAX);
  });
});
