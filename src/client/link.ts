/** The client's end of node choice: which node, what runs over it, and waiting for one. */

import {
  abortable,
  type Clock,
  type CryptoSuite,
  type Emitter,
  equalBytes,
  fromHex,
  isAbort,
  type Log,
  type Prng,
  Scope,
  type SecureRandom,
} from '../base/index.ts';
import { followRotation } from './account/account-changes.ts';
import { type ChoiceView, LOOP_MS, NodeChoice } from './choice/index.ts';
import { ClientError } from './client-error.ts';
import type { ClientEvents } from './client-events.ts';
import { ConnectionError, type NodeConnection } from './connection/index.ts';
import type { DirectoryNode } from './directory/index.ts';
import { completenessOf, headsOf } from './ledger/index.ts';
import { Admission } from './network/admission.ts';
import type { NodeLink } from './network/node-link.ts';
import type { Parts } from './parts.ts';
import { Session, type SessionDeps } from './session.ts';

export interface LinkDeps {
  readonly clock: Clock;
  readonly log: Log;
  readonly prng: Prng;
  readonly suite: CryptoSuite;
  readonly random: SecureRandom;
  readonly parts: Parts;
  readonly events: Emitter<ClientEvents>;
}

export class Link implements AsyncDisposable {
  readonly #deps: LinkDeps;
  readonly #admission: Admission;
  readonly #choice: NodeChoice<NodeLink>;
  readonly #scope: Scope;
  #session: Session | undefined;
  #isStarted = false;
  #known: { readonly at: number; readonly heads: ReturnType<typeof headsOf> } = { at: 0, heads: new Map() };

  constructor(deps: LinkDeps) {
    this.#deps = deps;
    const { parts, log } = deps;
    this.#admission = new Admission(parts.network);
    this.#choice = new NodeChoice(
      { ...deps, network: this.#admission },
      { directory: parts.nodes.directory, pinned: parts.nodes.pinned },
    );
    parts.nodes.attach(this.#choice);
    this.#scope = new Scope((task, error) => log.error({ err: error, task }, 'a task of the client failed'));
    this.#listen();
  }

  get view(): ChoiceView {
    return this.#choice.view;
  }

  get current(): NodeLink | undefined {
    const link = this.#choice.connection;
    return link?.connection.isOpen === true ? link : undefined;
  }

  /** Throws ClientError `offline`, or what the home said instead of letting this device in. */
  connection(): NodeConnection {
    const { current } = this;
    if (current === undefined) throw this.#admission.refusal ?? offline(undefined);
    return current.connection;
  }

  /** The node that is connected, now or as soon as one is. Throws ClientError as `connect`. */
  async node(signal: AbortSignal): Promise<NodeLink> {
    for (;;) {
      await this.connect(signal);
      const { current } = this;
      if (current !== undefined) return current;
    }
  }

  start(): void {
    if (this.#isStarted) return;
    this.#isStarted = true;
    this.#choice.start();
  }

  async connect(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    if (this.current !== undefined) return;
    const wasStarted = this.#isStarted;
    this.#admission.forget();
    await new Promise<void>((resolve, reject) => {
      const end = (settle: () => void) => (): void => {
        available[Symbol.dispose]();
        gone[Symbol.dispose]();
        signal.removeEventListener('abort', onAbort);
        settle();
      };
      const onAbort = end(() => reject(offline(signal.reason)));
      const available = this.#choice.events.on('mailserverAvailable', end(resolve));
      const gone = this.#choice.events.on(
        'offline',
        end(() => reject(this.#admission.refusal ?? offline(undefined))),
      );
      signal.addEventListener('abort', onAbort, { once: true });
      this.start();
      if (wasStarted) this.#choice.retryNow();
    });
  }

  /** Waits for `wait` or the end of the connection, whichever comes first. */
  async whileConnected(wait: Promise<void>, signal: AbortSignal): Promise<void> {
    const { current } = this;
    if (current === undefined) return;
    await abortable(Promise.race([wait, current.connection.ended.then(() => undefined)]), signal);
  }

  /** Everything that a node has is here. A connection that ends on the way is replaced. */
  async nextPass(signal: AbortSignal): Promise<void> {
    for (;;) {
      await this.connect(signal);
      const pass = this.#deps.parts.history.nextPass();
      try {
        await abortable(pass, signal);
        return;
      } catch (error) {
        if (isAbort(error, signal) || !(error instanceof ConnectionError) || error.code !== 'closed') throw error;
      }
    }
  }

  /** What the home says of this person to others. A connection that ends meanwhile is replaced, and the next one asks. */
  async checkOwnKeys(): Promise<void> {
    const { current } = this;
    if (current === undefined) return;
    try {
      await this.#deps.parts.ownKeys.check(current.connection, { node: current.name });
    } catch (error) {
      if (!(error instanceof ConnectionError) || error.code !== 'closed') throw error;
    }
  }

  /** What became of mail at other homes. A connection that ends meanwhile is replaced, and the next one asks. */
  async askDeliveries(): Promise<void> {
    const { current } = this;
    if (current === undefined) return;
    try {
      await this.#deps.parts.deliveries.ask(current.connection);
    } catch (error) {
      if (!(error instanceof ConnectionError) || error.code !== 'closed') throw error;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#choice[Symbol.asyncDispose]();
    await this.#session?.[Symbol.asyncDispose]();
    await this.#scope[Symbol.asyncDispose]();
  }

  #listen(): void {
    const { events, parts } = this.#deps;
    this.#choice.events.on('mailserver:changed', ({ node, borrowed }) =>
      events.emit('mailserver:changed', { node, borrowed }),
    );
    this.#choice.events.on('state', ({ node, state }) => events.emit('state', { node, state }));
    this.#choice.events.on('offline', ({ since }) =>
      events.emit('offline', { since, refusal: this.#admission.refusal }),
    );
    this.#choice.events.on('mailserverAvailable', ({ node }) => {
      this.#open();
      events.emit('mailserverAvailable', { node });
    });
    parts.wire.reconnected = () => this.#reconnected();
    parts.wire.onChange = () => this.#session?.noteChange();
    parts.wire.onSuperseded = (places) => this.#session?.supersede(places);
    parts.wire.onOwed = () => parts.history.lookAgain();
    parts.wire.onSettled = () => this.#scope.spawn('report', () => this.#report());
  }

  /** A connection is there: what runs over it begins, unless it runs already. */
  #open(): void {
    const link = this.#choice.connection;
    if (link === undefined || this.#session?.link === link) return;
    const { parts } = this.#deps;
    parts.wire.connection = link.connection;
    parts.wire.info = link.connection.info;
    parts.nodes.heard(link.name, true);
    parts.wire.serverTimeOffsetMs = link.connection.serverTimeOffsetMs;
    parts.nodes.refresh();
    const session = new Session(this.#sessionDeps(), link);
    this.#session = session;
    session.start();
    this.#scope.spawn('end', async () => {
      await link.connection.ended;
      if (parts.wire.connection === link.connection) parts.wire.connection = undefined;
      await session[Symbol.asyncDispose]();
      if (this.#session === session) this.#session = undefined;
    });
  }

  async #reconnected(): Promise<boolean> {
    // Whoever has not asked for a network is left without one.
    if (!this.#isStarted) return false;
    try {
      await this.connect(this.#scope.signal);
      return true;
    } catch (error) {
      if (!(error instanceof ClientError)) throw error;
      return false; // a home that lets nobody in is offline to whoever asks
    }
  }

  #sessionDeps(): SessionDeps {
    const { parts, clock, log } = this.#deps;
    return {
      ...parts,
      clock,
      log,
      choice: this.#choice,
      followRotation: (link) => this.#followRotation(link),
      followHome: async ({ connection, name }) => {
        await parts.home.refresh(connection, name);
        parts.nodes.refresh();
      },
      isOfHome: (node) => this.#isOfHome(fromHex(node)),
      others: (node) => this.#others(node),
      dial: (node, signal) => this.#dial(node, signal),
    };
  }

  async #followRotation({ connection, name }: NodeLink): Promise<void> {
    const { events, parts, random, suite } = this.#deps;
    const deps = { suite, random, contacts: parts.contacts, now: () => parts.writer.now() };
    const before = parts.profile();
    const after = await followRotation(deps, connection, before);
    if (after !== before) {
      await parts.changeProfile(after);
      events.emit('profile', { reason: 'rotated' });
    }
    await parts.unverified.judgeAgain({ connection, node: name });
  }

  /** At most so many other nodes of the list than this one, in the order of the directory. */
  async dialOthers(node: string, most: number, signal: AbortSignal): Promise<readonly NodeLink[]> {
    const links: NodeLink[] = [];
    for (const other of this.#others(node)) {
      if (links.length >= most) break;
      const link = await this.#dial(other, signal);
      if (link !== undefined) links.push(link);
    }
    return links;
  }

  /** Those that a person names with their key need not stand in the home document. */
  #isOfHome(node: Uint8Array): boolean {
    const { home, nodes } = this.#deps.parts;
    const isListed = nodes.directory.nodes.some(({ key }) => key !== undefined && equalBytes(key, node));
    return home.document === undefined || home.isNode(node) || isListed;
  }

  #others(node: string): readonly DirectoryNode[] {
    return this.#deps.parts.nodes.directory.nodes.filter(({ name }) => name !== node);
  }

  /** Undefined: it does not answer now. */
  async #dial(node: DirectoryNode, signal: AbortSignal): Promise<NodeLink | undefined> {
    const { log, parts } = this.#deps;
    try {
      const link = await parts.network.connect(node, signal);
      parts.nodes.heard(node.name, true);
      return link;
    } catch (error) {
      if (isAbort(error, signal)) throw error;
      parts.nodes.heard(node.name, false);
      log.info({ err: error, node: node.name }, 'another node cannot be asked');
      return undefined;
    }
  }

  async #report(): Promise<void> {
    const { events, parts } = this.#deps;
    const { current } = this;
    if (current !== undefined) {
      parts.wire.serverTimeOffsetMs = current.connection.serverTimeOffsetMs;
      this.#judgeCompleteness(current.name);
    }
    events.emit('report', await parts.report());
  }

  /** A node is compared with what was known a loop ago: it has had that long to copy it. */
  #judgeCompleteness(node: string): void {
    const { clock, parts } = this.#deps;
    const { ledgers } = parts.mailboxes;
    const { held, known } = completenessOf(ledgers, node, this.#known.heads);
    if (known > 0) this.#choice.reportCompleteness(node, held, known);
    if (clock.monotonic() - this.#known.at >= LOOP_MS) this.#known = { at: clock.monotonic(), heads: headsOf(ledgers) };
  }
}

function offline(cause: unknown): ClientError {
  return new ClientError('offline', 'no node of your home answers', {
    retry: 'later',
    fix: 'check your network; `restante nodes ping` shows who answers. What you send is kept until then',
    ...(cause === undefined ? {} : { cause }),
  });
}
