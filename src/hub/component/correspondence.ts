/**
 * Whom a component knows on the bus, and what has been said: gives every outgoing message its number, and judges every
 * incoming one. Refused is what nobody known has signed, what is for somebody else, what is about another user than its
 * sender's, and what has been said before. Pure but for its tables; sends nothing.
 */
import type { CryptoSuite } from '../../base/index.ts';
import type { Address } from '../../protocol/index.ts';
import { HubError } from '../hub-error.ts';
import { type Content, type Envelope, isSignedBy, parseEnvelope, signEnvelope } from './bus-message.ts';
import type { InstanceId, SessionId } from './ids.ts';
import type { ComponentKeys, PublicKeys } from './keys.ts';
import type { Peer } from './launch.ts';

export interface Self {
  readonly instance: InstanceId;
  readonly keys: ComponentKeys;
}

/** Whom a message is about. */
export interface About {
  readonly user?: Address | undefined;
  readonly session?: SessionId | undefined;
}

/** How much has been said to a peer and by it. */
export interface Said {
  readonly sent: number;
  readonly received: number;
}

/** A peer with what is known of it. */
export interface KnownPeer extends Peer, Said {
  readonly user: Address | undefined;
}

interface Acquaintance {
  readonly keys: PublicKeys;
  /** The one user that this peer may speak of; absent: of any (a control server). */
  readonly user: Address | undefined;
  sent: number;
  received: number;
}

const NOTHING_SAID: Said = Object.freeze({ sent: 0, received: 0 });

export class Correspondence {
  readonly #suite: CryptoSuite;
  readonly #self: Self;
  readonly #peers = new Map<InstanceId, Acquaintance>();

  constructor(suite: CryptoSuite, self: Self) {
    this.#suite = suite;
    this.#self = self;
  }

  /** `user` binds the peer to one person: a user server speaks of its own user only. */
  meet(peer: Peer, user?: Address, { received, sent }: Said = NOTHING_SAID): void {
    if (this.#peers.has(peer.instance)) return;
    this.#peers.set(peer.instance, { keys: peer.keys, user, sent, received });
  }

  /** Of whom it knows: undefined for a stranger. */
  known(instance: InstanceId): KnownPeer | undefined {
    const peer = this.#peers.get(instance);
    return peer === undefined ? undefined : { instance, ...peer };
  }

  forget(instance: InstanceId): void {
    this.#peers.delete(instance);
  }

  sealingKeyOf(instance: InstanceId): Uint8Array {
    return this.#known(instance).keys.sealing;
  }

  /** Throws HubError `unknown_sender` for a receiver that was never met, `too_large`. */
  write(to: InstanceId, about: About, content: Content): Uint8Array {
    const peer = this.#known(to);
    const { user, session } = about;
    const number = peer.sent + 1;
    const message = signEnvelope(this.#suite, this.#self.keys, {
      from: this.#self.instance,
      to,
      number,
      user,
      session,
      content,
    });
    peer.sent = number;
    return message;
  }

  /** The proven content of a message. Throws HubError; a message that is refused changes nothing. */
  read(message: Uint8Array): Envelope {
    const envelope = parseEnvelope(message);
    const peer = this.#known(envelope.from);
    if (!isSignedBy(this.#suite, peer.keys.signing, message))
      throw new HubError('bad_signature', 'a bus message that its sender has not signed');
    if (envelope.to !== this.#self.instance) throw new HubError('misaddressed', 'a bus message for another component');
    if (peer.user !== undefined && envelope.user !== peer.user)
      throw new HubError('misaddressed', 'a bus message about another user than its sender’s');
    if (envelope.number <= peer.received)
      throw new HubError('replayed', 'a bus message that has been here before', {
        details: { number: envelope.number, after: peer.received },
      });
    peer.received = envelope.number;
    return envelope;
  }

  #known(instance: InstanceId): Acquaintance {
    const peer = this.#peers.get(instance);
    if (peer === undefined) throw new HubError('unknown_sender', 'nobody known has this instance id');
    return peer;
  }
}
