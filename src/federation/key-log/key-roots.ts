/**
 * What homes tell each other of third homes' key logs. A home that shows two logs has to show each to somebody; those tell
 * each other the roots they saw, and the two do not fit. What is told is the logs that grew last: roots of others were told
 * when they did, and one that is lost, as any EDU may be, is told again with the next.
 */
import { BoundedQueue, type Clock, equalBytes, isAbort, type Log, withDeadline } from '../../base/index.ts';
import {
  type ConversationId,
  type Edu,
  type HomeName,
  KEY_ROOTS_MAX,
  type KeyRoot,
  parseConversationId,
} from '../../protocol/index.ts';
import { FederationError } from '../federation-error.ts';
import type { HintPort, OutboxView, OwnKeyLog } from '../ports.ts';
import type { KeyLogs } from './key-logs.ts';
import { KEY_LOG_TIMEOUT_MS, KEY_ROOTS_HEARD_MAX, KEY_ROOTS_INTERVAL_MS } from './limits.ts';

/** Under this name key roots are owed where conversations' heads are. No conversation has it: ids are hashes. */
export const KEY_ROOTS: ConversationId = parseConversationId('0'.repeat(32));

export interface KeyRootsDeps {
  readonly clock: Clock;
  readonly log: Log;
  readonly own: OwnKeyLog;
  readonly keyLogs: Pick<KeyLogs, 'hear' | 'homes' | 'root'>;
  readonly outbox: Pick<OutboxView, 'destinations'>;
  /** Has the destination told, soon and at least once. */
  readonly owe: (destination: HomeName) => Promise<void>;
}

interface Heard {
  readonly origin: HomeName;
  readonly root: KeyRoot;
}

export class KeyRoots implements HintPort {
  readonly #deps: KeyRootsDeps;
  readonly #home: HomeName;
  readonly #heard = new BoundedQueue<Heard>(KEY_ROOTS_HEARD_MAX);
  /** Whose logs grew, the last one last. */
  readonly #grown: Set<HomeName>;
  #isChanged = false;
  #onChange: () => void = () => undefined;

  private constructor(deps: KeyRootsDeps, home: HomeName, grown: readonly HomeName[]) {
    this.#deps = deps;
    this.#home = home;
    this.#grown = new Set(grown);
  }

  static async open(deps: KeyRootsDeps, options: { readonly home: HomeName }): Promise<KeyRoots> {
    return new KeyRoots(deps, options.home, (await deps.keyLogs.homes()).slice(0, KEY_ROOTS_MAX));
  }

  async make(): Promise<Edu | undefined> {
    const roots: KeyRoot[] = [];
    for (const home of this.#grown) {
      const root = await this.#deps.keyLogs.root(home);
      if (root !== undefined) roots.push(root);
    }
    return roots.length === 0 ? undefined : { edu: { oneofKind: 'keyRoots', keyRoots: { roots } } };
  }

  /** One that finds no room is lost, as any EDU may be: the next one says the same. */
  async hear(origin: HomeName, edus: readonly Edu[]): Promise<void> {
    for (const { edu } of edus)
      if (edu.oneofKind === 'keyRoots') for (const root of edu.keyRoots.roots) this.#heard.push({ origin, root });
  }

  /** The log of a home has grown: those we speak with hear of it. */
  grown(home: HomeName): void {
    this.#grown.delete(home);
    this.#grown.add(home);
    const [first] = this.#grown;
    if (this.#grown.size > KEY_ROOTS_MAX && first !== undefined) this.#grown.delete(first);
    this.#isChanged = true;
    this.#onChange();
  }

  /** Looks after what was heard, until the signal. */
  async listen(signal: AbortSignal): Promise<void> {
    const stop = (): void => this.#heard.close();
    signal.addEventListener('abort', stop, { once: true });
    for await (const heard of this.#heard)
      try {
        await this.#compare(heard, signal);
      } catch (error) {
        if (isAbort(error, signal)) throw error;
        // The next one says the same.
        this.#deps.log.warn({ error, origin: heard.origin }, 'what was heard of a key log cannot be kept now');
      }
  }

  /** Tells the homes that we speak with what changed, until the signal. */
  async tell(signal: AbortSignal): Promise<void> {
    signal.addEventListener('abort', () => this.#onChange(), { once: true });
    for (;;) {
      await this.#whenChanged(signal);
      signal.throwIfAborted();
      this.#isChanged = false;
      try {
        for (const destination of await this.#deps.outbox.destinations()) await this.#deps.owe(destination);
      } catch (error) {
        if (isAbort(error, signal)) throw error;
        this.#isChanged = true; // whoever was passed over is told the next time
        this.#deps.log.warn({ error }, 'what is known of key logs cannot be told now');
      }
      await this.#deps.clock.sleep(KEY_ROOTS_INTERVAL_MS, signal);
    }
  }

  #whenChanged(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      if (this.#isChanged || signal.aborted) return resolve();
      this.#onChange = resolve;
    });
  }

  async #compare({ origin, root }: Heard, signal: AbortSignal): Promise<void> {
    const { clock, keyLogs, log } = this.#deps;
    if (root.home === this.#home) return this.#compareOwn(origin, root);
    const late = (): Error => new FederationError('timeout', 'a key log was not shown in time', { retry: 'later' });
    try {
      await withDeadline(clock, KEY_LOG_TIMEOUT_MS, signal, late, (ending) => keyLogs.hear(origin, root, ending));
    } catch (error) {
      if (isAbort(error, signal) || !(error instanceof FederationError)) throw error;
      log.info({ origin, home: root.home, code: error.code }, 'a key log cannot be compared now');
    }
  }

  /** Somebody has what our key signed and we do not: our past was restored over, or our key is somebody else's too. */
  async #compareOwn(origin: HomeName, { keyLog, root }: KeyRoot): Promise<void> {
    const { log, own } = this.#deps;
    if (root === undefined || !equalBytes(keyLog, own.publicKey)) return;
    const verdict = await own.judge(root);
    if (verdict === 'ahead' || verdict === 'forked')
      log.error({ origin, length: root.length, verdict }, 'another home holds a key log of ours that we do not have');
  }
}
