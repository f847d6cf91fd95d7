/**
 * What runs while a node is connected: following the mailbox, sending the outbox, changes for other devices, erasures, and
 * looking at a second node. It ends with the connection and leaves nothing behind that the store does not know.
 */
import { abortable, type Clock, isAbort, type Log, Scope, toHex, untilAborted } from '../base/index.ts';
import type { NodeChoice } from './choice/index.ts';
import { ConnectionError } from './connection/index.ts';
import type { OwnKeys } from './contacts/own-keys.ts';
import type { Deliveries } from './deliveries/deliveries.ts';
import { reportOf } from './deliveries/delivery-report.ts';
import type { DirectoryNode } from './directory/index.ts';
import type { Erasing } from './history/erasing.ts';
import type { History } from './history/history.ts';
import type { Unverified } from './history/unverified.ts';
import { AWAY_AGAIN_MS, COMPARE_INTERVAL_MS, GREW_AGAIN_MS, NOTE_DELAY_MS, OWN_KEYS_INTERVAL_MS } from './limits.ts';
import type { NodeLink } from './network/node-link.ts';
import type { NotePlace } from './notes/note-body.ts';
import type { Notes } from './notes/notes.ts';
import type { Outbox } from './outbox/outbox.ts';
import type { OutboxSender } from './outbox/outbox-sender.ts';

export interface SessionDeps {
  readonly clock: Clock;
  readonly log: Log;
  readonly choice: NodeChoice<NodeLink>;
  readonly history: History;
  readonly outbox: Outbox;
  readonly sender: OutboxSender;
  readonly notes: Notes;
  readonly erasing: Erasing;
  readonly unverified: Unverified;
  readonly ownKeys: OwnKeys;
  readonly deliveries: Deliveries;
  /** Whether another device rotated the account's key, and what follows. */
  readonly followRotation: (link: NodeLink) => Promise<void>;
  /** Which nodes the home has by now. */
  readonly followHome: (link: NodeLink) => Promise<void>;
  /** Whether a node of that key, in hexadecimal, is one of them, as far as known. */
  readonly isOfHome: (node: string) => boolean;
  /** The nodes of the list but for this one. */
  readonly others: (node: string) => readonly DirectoryNode[];
  /** Undefined: it does not answer now. */
  readonly dial: (node: DirectoryNode, signal: AbortSignal) => Promise<NodeLink | undefined>;
}

export class Session implements AsyncDisposable {
  readonly link: NodeLink;
  readonly #deps: SessionDeps;
  readonly #scope: Scope;
  #changed: () => void = () => undefined;

  constructor(deps: SessionDeps, link: NodeLink) {
    this.#deps = deps;
    this.link = link;
    this.#scope = new Scope((task, error) => {
      // The end of the connection ends every task of it: that is what `ended` says, once.
      if (error instanceof ConnectionError && !link.connection.isOpen) return;
      deps.log.warn({ err: error, task, node: link.name }, 'a task over a connection failed');
      if (task === 'history') link.close();
    });
  }

  start(): void {
    const { link } = this;
    const { choice, history, sender } = this.#deps;
    const { connection, name: node } = link;
    connection.observe({
      failed: () => choice.requestFailed(link),
      answered: () => choice.requestDone(link),
    });
    this.#scope.spawn('history', async (signal) => {
      // First the keys: mail that came after a rotation on another device opens with them only.
      await this.#deps.followRotation(link).catch((err: unknown) => {
        if (connection.isOpen) this.#deps.log.warn({ err }, 'the account cannot be compared with the home');
      });
      await history.follow({ connection, node }, signal);
    });
    this.#scope.spawn('outbox', (signal) =>
      sender.run(connection, { node, onUnavailable: () => choice.requestFailed(link) }, signal),
    );
    this.#repeat('changes', (signal) => this.#sendChanges(signal));
    connection.onDeliveries = (said) =>
      this.#scope.spawn('deliveries', () => this.#deps.deliveries.take(said.flatMap((one) => reportOf(one) ?? [])));
    this.#scope.spawn('deliveries', () => this.#deps.deliveries.ask(connection));
    this.#repeat('own keys', (signal) => this.#watchOwnKeys(signal));
    this.#repeat('compare', (signal) => this.#compare(signal));
    this.#scope.spawn('end', async (signal) => {
      await Promise.race([connection.ended, untilAborted(signal)]);
      if (!signal.aborted) void this[Symbol.asyncDispose]();
    });
  }

  /** A person changed something on this device. */
  noteChange(): void {
    this.#changed();
  }

  /** A snapshot of this device is held: what it repeats may go. */
  supersede(places: readonly NotePlace[]): void {
    this.#scope.spawn('supersede', () => this.#deps.erasing.supersede(this.link.connection, places));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#scope[Symbol.asyncDispose]();
  }

  /**
   * A task that ends with the connection only. A connection lives for days: one answer that did not come, or one commit that
   * failed, would leave the rest of them without it.
   */
  #repeat(task: string, run: (signal: AbortSignal) => Promise<never>): void {
    const { link } = this;
    const { clock, log } = this.#deps;
    this.#scope.spawn(task, async (signal) => {
      for (;;) {
        try {
          await run(signal);
        } catch (error) {
          if (isAbort(error, signal) || !link.connection.isOpen) throw error;
          log.warn({ err: error, task, node: link.name }, 'a task over a connection failed and begins again soon');
        }
        await clock.sleep(AWAY_AGAIN_MS, signal);
      }
    });
  }

  async #sendChanges(signal: AbortSignal): Promise<never> {
    const { clock, erasing, notes } = this.#deps;
    for (;;) {
      const changed = new Promise<void>((resolve) => {
        this.#changed = resolve;
      });
      await notes.flush();
      await erasing.run(this.link.connection);
      if (await notes.isSnapshotDue()) await this.#writeSnapshot(signal);
      await abortable(changed, signal);
      await clock.sleep(NOTE_DELAY_MS, signal);
    }
  }

  /** At once, and then every few minutes. */
  async #watchOwnKeys(signal: AbortSignal): Promise<never> {
    const { clock, ownKeys } = this.#deps;
    for (;;) {
      await ownKeys.check(this.link.connection, { node: this.link.name });
      await clock.sleep(OWN_KEYS_INTERVAL_MS, signal);
    }
  }

  async #writeSnapshot(signal: AbortSignal): Promise<void> {
    const { notes, outbox } = this.#deps;
    await notes.snapshot(async (id) => {
      const { status } = await abortable(outbox.outcomeOf(id), signal);
      if (status !== 'refused') return true;
      // It says nothing new, so nobody has to decide about it: a snapshot is due still, and written after the next change.
      await outbox.discard(id);
      return false;
    });
  }

  /** At once, and then every few minutes: what this node does not show, another may. */
  async #compare(signal: AbortSignal): Promise<never> {
    const { clock, erasing, history, isOfHome, others, sender, unverified } = this.#deps;
    const { connection, name } = this.link;
    for (;;) {
      await abortable(history.nextPass(), signal);
      // What it refused before, or had not got yet: it has shown by now how far it is.
      await erasing.run(connection);
      await sender.giveUpLetters((node) => node === toHex(connection.info.node) || isOfHome(node));
      // Authors whose home was silent when their mail came.
      await unverified.judgeAgain({ connection, node: name });
      const dueAt = clock.monotonic() + COMPARE_INTERVAL_MS;
      let compared = history.counts.entries;
      let away = await this.#compareWith(others(name), signal);
      for (let restMs = COMPARE_INTERVAL_MS; restMs > 0; restMs = dueAt - clock.monotonic()) {
        await clock.sleep(Math.min(restMs, away.length === 0 ? GREW_AGAIN_MS : AWAY_AGAIN_MS), signal);
        if (clock.monotonic() >= dueAt) break;
        // Who was away is asked sooner: it is missed, and a node that is down has no work from it. So are all when mail has come: what
        // they said before is behind it, and nobody would be complete on more than this one.
        const { entries } = history.counts;
        away = await this.#compareWith(entries === compared ? away : others(name), signal);
        compared = entries;
      }
      // When this node goes, perhaps for good, those that came since it was dialled are known.
      await this.#deps.followHome(this.link);
    }
  }

  /** One after the other: a person with many nodes is not many people to a home. Returns those that do not answer. */
  async #compareWith(nodes: readonly DirectoryNode[], signal: AbortSignal): Promise<readonly DirectoryNode[]> {
    const { deliveries, dial, history, log, sender } = this.#deps;
    const away: DirectoryNode[] = [];
    for (const node of nodes) {
      const other = await dial(node, signal);
      if (other === undefined) {
        away.push(node);
        continue;
      }
      try {
        await history.compare({ connection: other.connection, node: other.name }, signal);
        await deliveries.ask(other.connection);
        await sender.handLetters(other.connection, other.name);
      } catch (error) {
        if (isAbort(error, signal)) throw error;
        log.info({ err: error, node: other.name }, 'a comparison with another node failed');
      } finally {
        await other.connection[Symbol.asyncDispose]();
      }
    }
    return away;
  }
}
