/**
 * Writes the PDUs of conversations for tests and simulations: everything the fold reads, without signatures. Ids come from a
 * seed, so a run can be repeated; real ids are as good as random too.
 */
import { SeededPrng, utf8 } from '../../src/base/index.ts';
import {
  type ConversationPdu,
  encodeMemberBody,
  encodeSettingBody,
  type JoinRule,
  type Role,
} from '../../src/conversation/index.ts';
import {
  type Address,
  type ConversationId,
  type ConversationNonce,
  type PduId,
  parseAddress,
  parseConversationId,
  parseConversationNonce,
  parsePduId,
} from '../../src/protocol/index.ts';

export type WrittenPdu = ConversationPdu & { readonly pdu: { readonly nonce?: ConversationNonce } };

export class ConversationWriter {
  readonly conversation: ConversationId = parseConversationId('c0'.repeat(16));
  readonly #prng: SeededPrng;

  constructor(seed: number) {
    this.#prng = new SeededPrng(seed);
  }

  found(author: string, recipients: readonly string[], id?: string): WrittenPdu {
    const nonce = parseConversationNonce('0e'.repeat(16));
    return this.#write({ type: 'mail', author, prev: [], recipients, id, nonce });
  }

  mail(author: string, prev: readonly WrittenPdu[], id?: string): WrittenPdu {
    return this.#write({ type: 'mail', author, prev, recipients: [author], id });
  }

  member(author: string, about: string, role: Role, prev: readonly WrittenPdu[], id?: string): WrittenPdu {
    const body = encodeMemberBody(role);
    return this.#write({ type: 'member', author, prev, recipients: [about], id, stateKey: about, body });
  }

  join(author: string, rule: JoinRule, prev: readonly WrittenPdu[], id?: string): WrittenPdu {
    const body = encodeSettingBody(rule);
    return this.#write({ type: 'state', author, prev, recipients: [author], id, stateKey: 'join', body });
  }

  #write(given: {
    readonly type: 'mail' | 'member' | 'state';
    readonly author: string;
    readonly prev: readonly WrittenPdu[];
    readonly recipients: readonly string[];
    readonly id: string | undefined;
    readonly nonce?: ConversationNonce;
    readonly stateKey?: string;
    readonly body?: Uint8Array;
  }): WrittenPdu {
    const { type, nonce, stateKey } = given;
    const pdu = {
      id: this.#id(given.id),
      type,
      conversation: this.conversation,
      author: addressOf(given.author),
      depth: 1 + Math.max(0, ...given.prev.map(({ pdu }) => pdu.depth)),
      prev: given.prev.map(({ pdu }) => pdu.id),
      recipients: given.recipients.map(addressOf),
      ...(nonce === undefined ? {} : { nonce }),
      ...(stateKey === undefined ? {} : { stateKey: addressOrName(stateKey) }),
    };
    return { pdu, body: given.body ?? utf8('ciphertext') };
  }

  /** Random, beginning with the digits given: for tests in which the lower id matters. */
  #id(start = ''): PduId {
    let digits = start;
    while (digits.length < 64) digits += this.#prng.below(16).toString(16);
    return parsePduId(digits);
  }
}

/** `alice` is `alice@a.example`: the home is the first letter. */
export function addressOf(name: string): Address {
  return parseAddress(name.includes('@') ? name : `${name}@${name.charAt(0)}.example`);
}

function addressOrName(key: string): string {
  return key === 'join' ? key : addressOf(key);
}
