/** A conversation as signed PDUs, said by people of any homes: for tests of real homes. Bodies are any bytes. */
import { type SecureRandom, utf8 } from '../../src/base/index.ts';
import { SodiumSuite } from '../../src/base/system/index.ts';
import { encodeMemberBody, encodeSettingBody, type JoinRule, type Role } from '../../src/conversation/index.ts';
import {
  type Address,
  bodyOf,
  createConversation,
  deviceIdOf,
  type Pdu,
  type PduContent,
  signPdu,
} from '../../src/protocol/index.ts';
import type { Person } from './person.ts';

const suite = new SodiumSuite();

export interface Said {
  readonly pdu: Pdu;
  readonly body: Uint8Array;
}

export class Thread {
  readonly #place: ReturnType<typeof createConversation>;

  constructor(random: SecureRandom, founder: Person) {
    this.#place = createConversation({ suite, random }, founder.address);
  }

  get conversation() {
    return this.#place.conversation;
  }

  found(founder: Person, recipients: readonly Address[], text = 'founded'): Said {
    const { nonce } = this.#place;
    return this.#say(founder, { type: 'mail', nonce }, [], [founder.address, ...recipients], utf8(text));
  }

  mail(author: Person, prev: readonly Said[], recipients: readonly Address[], text: string): Said {
    return this.#say(author, { type: 'mail' }, prev, recipients, utf8(text));
  }

  member(author: Person, prev: readonly Said[], recipients: readonly Address[], about: Address, role: Role): Said {
    return this.#say(author, { type: 'member', stateKey: about }, prev, recipients, encodeMemberBody(role));
  }

  join(author: Person, prev: readonly Said[], recipients: readonly Address[], rule: JoinRule): Said {
    return this.#say(author, { type: 'state', stateKey: 'join' }, prev, recipients, encodeSettingBody(rule));
  }

  /** Signed by `author`, whatever `changes` say besides. */
  say(author: Person, prev: readonly Said[], body: Uint8Array, changes: Partial<PduContent>): Said {
    const recipients = changes.recipients ?? [author.address];
    return this.#say(author, { type: 'mail', ...changes }, prev, recipients, body);
  }

  #say(
    author: Person,
    what: Partial<PduContent> & Pick<PduContent, 'type'>,
    prev: readonly Said[],
    recipients: readonly Address[],
    body: Uint8Array,
  ): Said {
    const content: PduContent = {
      conversation: this.conversation,
      author: author.address,
      device: deviceIdOf(suite, author.device.publicKey),
      depth: 1 + Math.max(0, ...prev.map(({ pdu }) => pdu.depth)),
      prev: prev.map(({ pdu }) => pdu.id),
      time: 1,
      body: bodyOf(suite, body),
      ...what,
      recipients: [...new Set(recipients)],
    };
    return { pdu: signPdu(suite, content, author.device.secretKey), body };
  }
}
