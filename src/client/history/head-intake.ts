/** Heads that a node shows: its signature checked, held against what is known, remembered, and what they contradict told. */
import { type Clock, type CryptoSuite, equalBytes } from '../../base/index.ts';
import { type Address, type FeedId, headBytes, type MailboxHead } from '../../protocol/index.ts';
import type { Store } from '../../store/index.ts';
import type { Alarms, NewAlarm } from '../alarms.ts';
import { entryKey } from '../keys.ts';
import { decodeEntryRow } from '../mail/entry-row.ts';
import { type FeedLedger, type ShownHead, takeHead, topOf } from './feed-ledger.ts';
import { feedOf, type Ledgers } from './ledgers.ts';
import { isHeld, linkAt } from './linked-intervals.ts';
import type { PageSource } from './page-intake.ts';

export interface HeadDeps {
  readonly clock: Clock;
  readonly suite: CryptoSuite;
  readonly store: Store;
  readonly alarms: Alarms;
  readonly ledgers: Ledgers;
}

/** A feed that ended short of what is held of it. */
export interface Restoration {
  readonly feed: FeedId;
  /** Where it ends now. */
  readonly number: number;
}

export interface TakenHeads {
  /** Told for the first time. */
  readonly restorations: readonly Restoration[];
  /** The node contradicts itself or others. */
  readonly isContradiction: boolean;
}

export class HeadIntake {
  readonly #deps: HeadDeps;
  readonly #own: Address;

  constructor(deps: HeadDeps, options: { readonly own: Address }) {
    this.#deps = deps;
    this.#own = options.own;
  }

  async take({ connection, node }: PageSource, heads: readonly MailboxHead[]): Promise<TakenHeads> {
    const { alarms, ledgers, store } = this.#deps;
    const changed: FeedLedger[] = [];
    const raised: NewAlarm[] = [];
    const restorations: Restoration[] = [];
    for (const head of heads) {
      const shown = this.#verify(head, connection.info.node);
      if (shown === undefined) {
        raised.push({
          code: 'bad_head',
          subject: node,
          detail: 'a head is not signed by the node that shows it',
          node,
        });
        continue;
      }
      const before = ledgers.of(shown.feed);
      if (isSame(before.shown[node], shown)) continue;
      if (await this.#contradictsInside(before, shown)) {
        const detail = `feed ${shown.feed}: entry ${shown.number} has another link than the head that is signed now`;
        raised.push({ code: 'two_heads', subject: shown.feed, detail, node });
        continue;
      }
      const taken = takeHead(before, node, shown);
      if (taken.problem !== undefined)
        raised.push({ code: taken.problem.code, subject: shown.feed, detail: taken.problem.why, node });
      if (taken.ledger === before) continue;
      ledgers.set(taken.ledger);
      changed.push(taken.ledger);
      const endsShort = shown.retired && shown.number < Math.max(topOf(before), before.best?.number ?? 0);
      if (endsShort && before.shown[node]?.retired !== true)
        restorations.push({ feed: shown.feed, number: shown.number });
    }
    if (changed.length > 0 || raised.length > 0)
      await store.transact((transaction) => {
        for (const ledger of changed) ledgers.write(transaction, ledger);
        for (const alarm of raised) alarms.raiseIn(transaction, alarm);
      });
    // A node that was restored says so by ending its feed: then it did not cheat.
    for (const { feed } of restorations) await alarms.clear(['rolled_back'], feed);
    return { restorations, isContradiction: raised.length > 0 };
  }

  #verify(head: MailboxHead, nodeKey: Uint8Array): ShownHead | undefined {
    if (head.feed.length !== 32 || head.link.length !== 32) return undefined;
    const { number, link, expiredTo, retired, signature } = head;
    const signed = { feed: feedOf(head.feed), number, link, expiredTo, retired };
    if (!this.#deps.suite.verify(signature, headBytes(this.#own, signed), nodeKey)) return undefined;
    return { ...signed, signature, at: Math.floor(this.#deps.clock.now()) };
  }

  /** A head may end inside what is held, where only the stored entries tell the link. */
  async #contradictsInside(ledger: FeedLedger, head: ShownHead): Promise<boolean> {
    const { held } = ledger;
    if (linkAt(held, head.number) !== undefined || !isHeld(held, head.number)) return false;
    const row = await this.#deps.store.get(entryKey(head.feed, head.number + 1));
    return row !== undefined && !equalBytes(decodeEntryRow(row).previousLink, head.link);
  }
}

function isSame(a: ShownHead | undefined, b: ShownHead): boolean {
  return (
    a !== undefined &&
    a.number === b.number &&
    a.expiredTo === b.expiredTo &&
    a.retired === b.retired &&
    equalBytes(a.link, b.link)
  );
}
