/** A JMAP server in this process with one account, which is filled from raw messages and whose clock stands still. */
import {
  type HttpAnswer,
  type HttpDialer,
  type HttpRequest,
  ManualClock,
  SeededSecureRandom,
  SILENT_LOG,
} from '../../../src/base/index.ts';
import { MemoryBlobStore } from '../../../src/jmap/blobs/memory-blob-store.ts';
import { type Caller, createJmap, type Jmap, type JmapResponse } from '../../../src/jmap/jmap.ts';
import type { Permission } from '../../../src/jmap/methods/call.ts';
import { readMessage } from '../../../src/jmap/mime/message-reading.ts';
import * as capabilities from '../../../src/jmap/protocol/capabilities.ts';
import type { Invocation } from '../../../src/jmap/protocol/references.ts';
import type { Journal } from '../../../src/jmap/store/journal.ts';
import type { MailAccount } from '../../../src/jmap/store/mail-account.ts';
import { MailStore } from '../../../src/jmap/store/mail-store.ts';
import { MemoryJournal } from '../../../src/jmap/store/memory-journal.ts';
import { ALL_RIGHTS, type NewEmail } from '../../../src/jmap/store/records.ts';
import type {
  SubmissionJob,
  SubmissionLimits,
  SubmissionOutcome,
  Submitter,
} from '../../../src/jmap/submission/submitter.ts';

export const ACCOUNT = 'a1';
export const START = Date.parse('2026-03-01T12:00:00Z');
const ALL_PERMISSIONS: ReadonlySet<Permission> = new Set(['read', 'write', 'send']);

export const CALLER: Caller = {
  username: 'alice@home.example',
  credential: 'password',
  permissions: ALL_PERMISSIONS,
  baseUrl: 'https://hub.example/jmap',
};

/** The mailboxes that every account here begins with, by role. */
export const MAILBOXES = { inbox: 'mb-inbox', drafts: 'mb-drafts', sent: 'mb-sent', trash: 'mb-trash' } as const;

export class TestAccount {
  readonly clock: ManualClock;
  readonly random = new SeededSecureRandom(1);
  readonly blobStore = new MemoryBlobStore();
  readonly outbox = new TestSubmitter();
  readonly pushed = new TestDialer();
  readonly store: MailStore;
  readonly jmap: Jmap;
  readonly #messages = new Map<string, Uint8Array>();

  private constructor(store: MailStore, clock: ManualClock) {
    this.store = store;
    this.clock = clock;
    this.jmap = createJmap({
      store,
      blobStore: this.blobStore,
      source: {
        isSizeKnown: () => true,
        raw: async (accountId, emailId, range) => {
          const raw = this.#messages.get(`${accountId} ${emailId}`);
          return raw === undefined
            ? undefined
            : pieces(range === undefined ? raw : raw.subarray(range.start, range.end));
        },
      },
      submitter: this.outbox,
      pushServices: { dialer: this.pushed, contact: 'mailto:operator@hub.example' },
      clock: this.clock,
      random: this.random,
      log: SILENT_LOG,
    });
  }

  /** With what a journal has of another one: a restart. */
  static async open(journal: Journal = new MemoryJournal()): Promise<TestAccount> {
    const clock = new ManualClock(START);
    const store = await MailStore.open({
      journal,
      clock,
      random: new SeededSecureRandom(2),
      onListenerError: (error) => {
        throw error;
      },
    });
    const test = new TestAccount(store, clock);
    test.addAccount(ACCOUNT);
    return test;
  }

  get account(): MailAccount {
    const account = this.store.account(ACCOUNT);
    if (account === undefined) throw new Error('the account is not there');
    return account;
  }

  addAccount(id: string, isReadOnly = false): MailAccount {
    const account = this.store.putAccount({
      id,
      name: `${id}@home.example`,
      isPersonal: true,
      isReadOnly,
      kind: 'local',
    });
    for (const [index, [role, mailboxId]] of Object.entries(MAILBOXES).entries())
      account.putMailbox(
        { id: mailboxId, name: role, parentId: null, role, sortOrder: index, isSubscribed: true, rights: ALL_RIGHTS },
        'agent',
      );
    return account;
  }

  /** Adds a message as an agent would; the time it was received is a minute after the one before unless told. */
  deliver(raw: string | Uint8Array, given: Partial<NewEmail> & { readonly accountId?: string } = {}): string {
    const bytes = typeof raw === 'string' ? Buffer.from(raw.replaceAll(/\r?\n/g, '\r\n')) : raw;
    const { accountId = ACCOUNT, ...rest } = given;
    const id = given.id ?? `m${this.#messages.size + 1}`;
    this.#messages.set(`${accountId} ${id}`, bytes);
    this.store.account(accountId)?.putEmails(
      [
        {
          size: bytes.length,
          receivedAt: START + this.#messages.size * 60_000,
          keywords: [],
          mailboxIds: [MAILBOXES.inbox],
          ...readMessage(bytes),
          ...rest,
          id,
        },
      ],
      'agent',
      'delivered',
    );
    return id;
  }

  async request(
    calls: readonly (readonly [name: string, args: object, id?: string])[],
    more: Record<string, unknown> = {},
    caller: Caller = CALLER,
  ): Promise<JmapResponse> {
    const request = {
      using: Object.values(capabilities).filter((urn) => Object.hasOwn(this.jmap.session(caller).capabilities, urn)),
      methodCalls: calls.map(([name, args, id], index) => [name, args, id ?? `c${index}`]),
      ...more,
    };
    return this.jmap.api(Buffer.from(JSON.stringify(request)), caller, new AbortController().signal);
  }

  /** One call in the account; its first response's arguments. Throws what kind of error it was answered with. */
  async call<Result = Record<string, never>>(name: string, args: object = {}): Promise<Result> {
    const { methodResponses } = await this.request([[name, { accountId: ACCOUNT, ...args }]]);
    const [response] = methodResponses;
    if (response === undefined) throw new Error('no response');
    return resultOf<Result>(response);
  }
}

export function resultOf<Result>([name, args]: Invocation): Result {
  if (name === 'error') throw new Error(`${String(args.type)}: ${String(args.description)}`);
  return args as Result;
}

/** In two pieces, so that nobody relies on one. */
async function* pieces(bytes: Uint8Array): AsyncIterable<Uint8Array> {
  const middle = bytes.length >> 1;
  yield bytes.subarray(0, middle);
  yield bytes.subarray(middle);
}

/** Takes what it is given, unless it is told to be away. */
export class TestSubmitter implements Submitter {
  readonly jobs: SubmissionJob[] = [];
  isAway = false;
  /** How often it fails by an error of its own. */
  failures = 0;
  reason: string | undefined;

  limitsOf(): SubmissionLimits {
    return { messageBytesMax: 100_000, recipientsMax: 3 };
  }

  maySendFrom(accountId: string, address: string): boolean {
    return address === `${accountId}@home.example`;
  }

  hindrance(): string | undefined {
    return this.reason;
  }

  async submit(job: SubmissionJob): Promise<SubmissionOutcome> {
    if (this.failures-- > 0) throw new Error('the disk cannot be read');
    if (this.isAway) return { kind: 'later', reason: 'the server is away' };
    this.jobs.push(job);
    const status = { smtpReply: '250 2.0.0 Ok', delivered: 'unknown', displayed: 'unknown' } as const;
    return { kind: 'taken', statuses: Object.fromEntries(job.envelope.rcptTo.map(({ email }) => [email, status])) };
  }
}

/** Keeps requests and answers them with a status. */
export class TestDialer implements HttpDialer {
  readonly requests: HttpRequest[] = [];
  status = 201;

  async request(request: HttpRequest): Promise<HttpAnswer> {
    this.requests.push(request);
    return { status: this.status, headers: {}, body: new Uint8Array(0) };
  }
}
