/**
 * What comes by transactions: judged one by one, so that a bad PDU harms no other. A PDU comes from its author's home and is
 * delivered by its recipients; whether its author may speak in the conversation is asked of the PDU's own ancestors, when
 * they are here. What it follows and we lack is noted beside it, in the same store transaction.
 */
import type { CryptoSuite } from '../../base/index.ts';
import {
  type Address,
  type HomeName,
  homeOf,
  type Item,
  type ItemResult,
  ItemStatus,
  type Pdu,
  type PduId,
  sizeWithAttached,
} from '../../protocol/index.ts';
import type { StoreReader } from '../../store/index.ts';
import type { AskPiece, AttachmentPort, FederationLink, PduInbox, StagedPdu, Staging } from '../ports.ts';
import type { AuthorCheck, Authorship } from './author-check.ts';
import type { Conversations } from './conversations.ts';
import type { Holes } from './holes.ts';
import { ATTACHMENT_WAIT_MS } from './limits.ts';
import { type Form, judgeForm } from './pdu-form.ts';
import type { Arrival, LocalPeople, PduView } from './pdu-view.ts';

export type Judged =
  | ({ readonly status: 'good' } & StagedPdu)
  /** Here already: nobody was asked for anything. */
  | { readonly status: 'known' }
  | { readonly status: 'later' | 'rejected'; readonly code: string; readonly detail: string };

export interface InboxDeps {
  readonly suite: CryptoSuite;
  readonly store: StoreReader;
  readonly view: PduView;
  readonly local: LocalPeople;
  readonly authors: AuthorCheck;
  readonly conversations: Conversations;
  readonly holes: Holes;
  readonly attachments: AttachmentPort;
  readonly link: Pick<FederationLink, 'blob'>;
}

type Fine = Extract<Form, { status: 'fine' }>;
type Verdict = Exclude<Judged, { status: 'good' | 'known' }>;

type Admitted = { readonly status: 'admitted'; readonly accounts: readonly Address[] } | Verdict;

const BODY_OWED: Judged = Object.freeze(later('body_owed', 'its home does not have the body yet'));
const NOT_A_MEMBER = 'not_a_member';
const KNOWN: Judged = Object.freeze({ status: 'known' });
const OK: ItemResult = Object.freeze({ status: ItemStatus.OK, code: '', detail: '' });
const DUPLICATE: ItemResult = Object.freeze({ ...OK, status: ItemStatus.DUPLICATE });

export class Inbox implements PduInbox<Judged> {
  readonly #deps: InboxDeps;
  readonly #home: HomeName;

  constructor(deps: InboxDeps, options: { readonly home: HomeName }) {
    this.#deps = deps;
    this.#home = options.home;
  }

  async judge(origin: HomeName, items: readonly Item[], signal: AbortSignal): Promise<readonly Judged[]> {
    const judged = new Array<Judged | undefined>(items.length);
    const fine: { readonly at: number; readonly form: Fine }[] = [];
    for (const [at, item] of items.entries()) {
      const form = judgeForm(this.#deps.suite, item);
      const refusal = form.status === 'fine' ? this.#checkOrigin(origin, form.pdu) : form;
      if (refusal !== undefined) judged[at] = refusal;
      else fine.push({ at, form: form as Fine });
    }
    const pdus = fine.map(({ form }) => form.pdu);
    // In one turn, which is one round to the store and back.
    const [delivered, admissions] = await Promise.all([
      this.#deps.view.areDelivered(this.#deps.store, pdus),
      this.#admissionsOf(pdus),
    ]);
    const lacking = fine.flatMap((one, i) =>
      delivered[i] === true ? [] : [{ ...one, admitted: admissions[i] as Admitted }],
    );
    for (const { at } of lacking.filter(({ form }) => form.isOwed)) judged[at] = BODY_OWED;
    const fresh = lacking.filter(({ form }) => !form.isOwed);
    const authors = await this.#deps.authors.check(
      fresh.map(({ form }) => form.pdu),
      signal,
    );
    const refused = new Set<PduId>();
    // A small attachment is here in a moment; the others of the batch wait for one, not for all.
    let patienceMs = ATTACHMENT_WAIT_MS;
    for (const [i, { admitted, at, form }] of fresh.entries()) {
      const authorship = authors[i] as Authorship;
      if (authorship.status === 'right') judged[at] = await this.#admit(form, admitted, refused);
      else if (authorship.status === 'later') judged[at] = later('unknown_keys', authorship.detail);
      else judged[at] = reject(authorship.code, authorship.detail);
      if (judged[at]?.status === 'good' && form.pdu.attached !== undefined) {
        judged[at] = await this.#gather(origin, judged[at], patienceMs);
        patienceMs = 0;
      }
      // That nobody here gets it, and the like, says nothing against what follows it.
      const isWrong = !['right', 'later'].includes(authorship.status) || isForbidden(judged[at]);
      if (isWrong) refused.add(form.pdu.id);
    }
    return Array.from(judged, (verdict) => verdict ?? KNOWN);
  }

  async stage(staging: Staging, _origin: HomeName, judged: readonly Judged[]): Promise<readonly ItemResult[]> {
    const good = judged.filter((item) => item.status === 'good');
    const delivered = await this.#areDelivered(
      staging,
      good.map(({ pdu }) => pdu),
    );
    const seen = new Set<PduId>();
    const fresh: StagedPdu[] = [];
    const results = new Map<Judged, ItemResult>();
    good.forEach((item, i) => {
      const known = delivered[i] === true || seen.has(item.pdu.id);
      seen.add(item.pdu.id);
      if (!known) fresh.push({ pdu: item.pdu, body: item.body, accounts: item.accounts });
      results.set(item, known ? DUPLICATE : OK);
    });
    await staging.append(fresh);
    await this.#deps.holes.note(
      staging.rows,
      fresh.map(({ pdu }) => pdu),
    );
    return judged.map((item) => {
      if (item.status === 'good') return results.get(item) as ItemResult;
      return item.status === 'known' ? DUPLICATE : resultOf(item);
    });
  }

  #checkOrigin(origin: HomeName, pdu: Pdu): Verdict | undefined {
    if (homeOf(pdu.author) !== origin)
      return reject('forged_author', `${origin} sends a PDU by ${pdu.author}, who lives elsewhere`);
    if (!pdu.recipients.some((recipient) => homeOf(recipient) === this.#home))
      return reject('no_recipient', `nobody of ${this.#home} is among the recipients`);
    return undefined;
  }

  /** By where they are, which appending them asks again from memory; only what is held somewhere may have been delivered. */
  async #areDelivered({ rows, views }: Staging, pdus: readonly Pdu[]): Promise<readonly boolean[]> {
    const { view } = this.#deps;
    const held = await view.areHeld(
      views,
      pdus.map(({ id }) => id),
    );
    if (!held.includes(true)) return held;
    const delivered = await view.areDelivered(rows, pdus);
    return held.map((isHeld, i) => isHeld && delivered[i] === true);
  }

  /** Who of this home gets each, or why nobody does. */
  async #admissionsOf(pdus: readonly Pdu[]): Promise<readonly Admitted[]> {
    const here = pdus.map(({ recipients }) => recipients.filter((recipient) => homeOf(recipient) === this.#home));
    const arrivals = here.flatMap((addresses, i) => {
      const sizeBytes = sizeWithAttached(pdus[i] as Pdu);
      return addresses.map((address): Arrival => ({ address, sizeBytes }));
    });
    const admissions = (await this.#deps.local.admit(arrivals)).values();
    return here.map((addresses): Admitted => {
      const told = addresses.map((address) => ({ address, admission: admissions.next().value }));
      // The sender keeps it and tries again: a mailbox that is full today has room tomorrow.
      const full = told.find(({ admission }) => admission === 'over_quota');
      if (full !== undefined) return later('over_quota', full.address);
      // Some of them may be here in a moment, and whoever is not named when it is taken never gets it.
      const uncertain = told.find(({ admission }) => admission === 'uncertain');
      if (uncertain !== undefined) return later('uncertain_recipient', uncertain.address);
      const accounts = told.filter(({ admission }) => admission === 'ok').map(({ address }) => address);
      return accounts.length === 0
        ? reject('unknown_recipient', addresses.join(' '))
        : { status: 'admitted', accounts };
    });
  }

  async #admit({ pdu, body }: Fine, admitted: Admitted, refused: ReadonlySet<PduId>): Promise<Judged> {
    if (admitted.status !== 'admitted') return admitted;
    const { accounts } = admitted;
    const follows = pdu.prev.some((id) => refused.has(id));
    if (follows || !(await this.#isAllowed(pdu, body)))
      return reject(NOT_A_MEMBER, `${pdu.author} may not say this in the conversation ${pdu.conversation}`);
    return { status: 'good', pdu, body, accounts };
  }

  /** A mail is taken when all of it is here: what its author's home has of it is fetched first. */
  async #gather(origin: HomeName, good: Extract<Judged, { status: 'good' }>, waitMs: number): Promise<Judged> {
    const { attachments, link } = this.#deps;
    const { accounts, pdu } = good;
    const ask: AskPiece = (list, number, signal) => link.blob(origin, list, number, signal);
    const [account] = accounts;
    if (account === undefined || (await attachments.gather(account, pdu.attached ?? [], ask, waitMs))) return good;
    return later('attachment_coming', 'its attachments are being fetched');
  }

  /** A mail that follows nothing is a mail, whether or not it founds a conversation. */
  async #isAllowed(pdu: Pdu, body: Uint8Array | undefined): Promise<boolean> {
    if (pdu.type === 'mail' && pdu.prev.length === 0) return true;
    return (await this.#deps.conversations.allows(pdu, body)) !== 'forbidden';
  }
}

function isForbidden(judged: Judged | undefined): boolean {
  return judged?.status === 'rejected' && judged.code === NOT_A_MEMBER;
}

function reject(code: string, detail: string): Verdict {
  return { status: 'rejected', code, detail };
}

function later(code: string, detail: string): Verdict {
  return { status: 'later', code, detail };
}

function resultOf({ status, code, detail }: Verdict): ItemResult {
  return { status: status === 'later' ? ItemStatus.LATER : ItemStatus.REJECTED, code, detail };
}
