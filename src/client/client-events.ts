/** What a client tells, by name. Events are hints; what must not be missed is read from the client. */
import type { Address, ConversationId, DeliveryReport, PduId } from '../protocol/index.ts';
import type { Alarm } from './alarm.ts';
import type { ClientError } from './client-error.ts';
import type { Report } from './history/report.ts';
import type { OutboxChange } from './outbox/outbox.ts';

export interface Arrival {
  readonly id: PduId;
  readonly conversation: ConversationId;
  readonly from: string;
  readonly subject: string;
}

export interface KeyChange {
  readonly address: Address;
  readonly before: string | undefined;
  readonly fingerprint: string | undefined;
}

export interface AttachmentProgress {
  readonly stage: 'encrypting' | 'sending';
  /** Its name, or its chunk list. */
  readonly attachment: string;
  readonly done: number;
  readonly total: number;
}

export interface ClientEvents {
  /** A node was chosen; it is not connected yet (the seed's name). */
  readonly 'mailserver:changed': { readonly node: string; readonly borrowed: boolean };
  /** The node is connected: history can be asked for (the seed's name). */
  readonly mailserverAvailable: { readonly node: string };
  readonly state: { readonly node: string; readonly state: 'disconnected' | 'connecting' | 'connected' };
  /** No node at all. `since`: milliseconds since 1970; `refusal`: the home answers, and does not let this device in. */
  readonly offline: { readonly since: number; readonly refusal: ClientError | undefined };
  /** A message came that was not here before, and can be read. */
  readonly arrived: Arrival;
  /** A message was decrypted, to be indexed: its exact bytes, for whoever would have to open it again. `arrived` follows. */
  readonly opened: { readonly id: PduId; readonly mime: Uint8Array };
  /** Another device changed what is said about a message. */
  readonly changed: { readonly id: PduId; readonly keywords: readonly string[] };
  /** This person's devices, this one or another, say something new of what is no message: `folders`, or who is `blocked`. */
  readonly said: { readonly subject: string };
  /** Entries were stored or indexed: a progress bar may move. */
  readonly progress: { readonly entries: number };
  /** A large attachment is encrypted, or on its way to a node; bytes. */
  readonly attachment: AttachmentProgress;
  readonly alarm: Alarm;
  /** A person's key is another one than was seen before; fingerprints, undefined: none that mail can be encrypted to. */
  readonly key_changed: KeyChange;
  /** The ledger moved: after a catch-up, a gap filled, a comparison. */
  readonly report: Report;
  /** What became of something sent. */
  readonly outbox: OutboxChange;
  /** Mail to another home was refused, waits for hours, or has arrived after all. */
  readonly delivery: DeliveryReport;
  /** The node was restored from an older state: its feed ended, another began. What was lost is being offered back. */
  readonly server_restored: { readonly node: string; readonly feed: string; readonly heldBeyond: number };
  /** Another device rotated the account's key: whoever keeps the profile saves it. */
  readonly profile: { readonly reason: 'rotated' };
}
