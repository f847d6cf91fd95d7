/**
 * A person with a client: it folds what its home holds, and says what the fold allows. What people do conflicts all the
 * time, since they act on what they happen to know.
 */
import { type CryptoSuite, type KeyPair, type Prng, SeededSecureRandom, utf8 } from '../base/index.ts';
import {
  ConversationFold,
  encodeMemberBody,
  encodeSettingBody,
  type JoinRule,
  type Role,
} from '../conversation/index.ts';
import {
  type Address,
  bodyOf,
  type ConversationId,
  createConversation,
  deviceIdOf,
  type HomeName,
  homeOf,
  type Pdu,
  type PduContent,
  PREVIOUS_PDUS_MAX,
  signPdu,
} from '../protocol/index.ts';
import type { HeldPdu } from './federation-home.ts';
import type { HomePapers } from './home-papers.ts';

type Said = Pick<PduContent, 'type' | 'stateKey'> & { readonly body: Uint8Array; readonly to: readonly Address[] };

export class FederationPerson {
  readonly address: Address;
  readonly #suite: CryptoSuite;
  readonly #keys: KeyPair;
  readonly #prng: Prng;
  #said = 0;

  constructor(papers: HomePapers, prng: Prng, address: Address) {
    this.address = address;
    this.#suite = papers.suite;
    this.#prng = prng;
    this.#keys = papers.deviceOf(address);
  }

  get home(): HomeName {
    return homeOf(this.address);
  }

  found(recipients: readonly Address[], time: number): HeldPdu & { readonly body: Uint8Array } {
    const random = new SeededSecureRandom(this.#prng.below(2 ** 31));
    const place = createConversation({ suite: this.#suite, random }, this.address);
    const body = this.#mailBody();
    const to = [...new Set([this.address, ...recipients])];
    return { pdu: this.#sign({ type: 'mail', ...place, depth: 1, prev: [], recipients: to, time }, body), body };
  }

  /** Something at random that the person may say by what its home holds; undefined when they may not. */
  act(fold: ConversationFold, conversation: ConversationId, people: readonly Address[], time: number) {
    const { tips } = fold;
    if (tips.length === 0) return undefined;
    const said = this.#choose(fold, people);
    const prev = tips.slice(0, PREVIOUS_PDUS_MAX);
    const hearing = [...fold.state.members].filter(([, { role }]) => role !== 'left' && role !== 'removed');
    const recipients = [...new Set([this.address, ...said.to, ...hearing.map(([address]) => address)])];
    const { type, stateKey, body } = said;
    const keyed = stateKey === undefined ? {} : { stateKey };
    const depth = 1 + Math.max(...prev.map((id) => fold.depthOf(id) ?? 0));
    const pdu = this.#sign({ type, ...keyed, conversation, depth, prev, recipients, time }, body);
    return fold.allows({ pdu, body }) === 'allowed' ? { pdu, body } : undefined;
  }

  #choose(fold: ConversationFold, people: readonly Address[]): Said {
    const other = this.#pick(people);
    const isOwner = fold.state.members.get(this.address)?.role === 'owner';
    const kind = this.#prng.next();
    if (fold.isMember(this.address) && kind < (isOwner ? 0.35 : 0.85))
      return { type: 'mail', body: this.#mailBody(), to: [] };
    if (isOwner && kind < 0.95) {
      if (kind > 0.87) return setting(this.#pick(['invite', { open: 'member' }, { open: 'reader' }] as const));
      return member(
        other,
        this.#pick(['owner', 'owner', 'member', 'reader', 'invited', 'removed', 'removed'] as const),
      );
    }
    return member(this.address, this.#pick(['left', 'member', 'member', 'reader'] as const));
  }

  #mailBody(): Uint8Array {
    this.#said += 1;
    return utf8(`${this.address} ${this.#said}`);
  }

  #sign(content: Omit<PduContent, 'author' | 'body' | 'device'>, body: Uint8Array): Pdu {
    const device = deviceIdOf(this.#suite, this.#keys.publicKey);
    const whole = { ...content, author: this.address, device, body: bodyOf(this.#suite, body) };
    return signPdu(this.#suite, whole, this.#keys.secretKey);
  }

  #pick<Item>(items: readonly Item[]): Item {
    return items[this.#prng.below(items.length)] as Item;
  }
}

export function foldOf(conversation: ConversationId, held: readonly HeldPdu[]): ConversationFold {
  const fold = new ConversationFold(conversation);
  fold.add(held);
  return fold;
}

function member(about: Address, role: Role): Said {
  return { type: 'member', stateKey: about, body: encodeMemberBody(role), to: [about] };
}

function setting(rule: JoinRule): Said {
  return { type: 'state', stateKey: 'join', body: encodeSettingBody(rule), to: [] };
}
