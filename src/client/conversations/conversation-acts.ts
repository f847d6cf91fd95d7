/**
 * What a person does in a conversation besides writing: see who is in it, add and remove people, leave, join, open and
 * close it. Each act is a PDU in clear, signed by this device, to everybody who is in the conversation and to whom it
 * concerns; it goes through the outbox like mail. What the fold would not count is refused here, in words.
 */
import { encodeMemberBody, encodeSettingBody, type JoinRule, type Role } from '../../conversation/index.ts';
import {
  type Address,
  type ConversationId,
  type HomeName,
  homeOf,
  type PduId,
  RECIPIENTS_MAX,
} from '../../protocol/index.ts';
import { ClientError } from '../client-error.ts';
import type { Composer } from '../compose/composer.ts';
import type { PduWriter, SealedMail } from '../compose/sealed-mail.ts';
import type { Mailbox } from '../mail/mailbox.ts';
import type { Summary } from '../mail/summary.ts';
import type { Posting } from '../outbox/posting.ts';
import type { Conversations } from './conversations.ts';
import type { ConversationEvent, OpenConversation } from './open-conversation.ts';
import { checkIsIn, checkIsOwner } from './standing.ts';

export interface ActsDeps {
  readonly conversations: Conversations;
  readonly composer: Pick<Composer, 'certificatesOf'>;
  readonly writer: PduWriter;
  readonly posting: Posting;
  readonly mailbox: Mailbox;
}

/** What somebody can be made. */
export type GrantedRole = Extract<Role, 'owner' | 'member' | 'reader' | 'invited'>;

export interface Standing {
  readonly address: Address;
  readonly role: Role;
}

export interface ConversationView {
  readonly conversation: ConversationId;
  /** Owners, members, readers and the invited. */
  readonly members: readonly Standing[];
  /** Who left or was removed. */
  readonly former: readonly Standing[];
  /** Undefined: this person never was in it. */
  readonly ownRole: Role | undefined;
  readonly joinRule: JoinRule;
  /** Oldest first. */
  readonly events: readonly ConversationEvent[];
  /** Oldest first. */
  readonly messages: readonly (Summary & {
    /** False: by what is known here, its author had no right to write it. */
    readonly counts: boolean;
  })[];
  /** PDUs that others refer to and that are not here. */
  readonly gaps: readonly PduId[];
}

export interface JoinOptions {
  /** The home of somebody who is in it, where nobody of our own home is yet. */
  readonly at?: HomeName | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** What became of an act. `unchanged`: it was so before, and nothing was sent. */
export interface Acted {
  readonly conversation: ConversationId;
  readonly status: 'accepted' | 'pending' | 'queued' | 'unchanged';
  readonly members: readonly Standing[];
}

export class ConversationActs {
  readonly #deps: ActsDeps;
  readonly #own: Address;

  constructor(deps: ActsDeps, options: { readonly own: Address }) {
    this.#deps = deps;
    this.#own = options.own;
  }

  /** Throws ClientError `unknown_conversation`. */
  async show(conversation: ConversationId): Promise<ConversationView> {
    const open = await this.#deps.conversations.current(conversation);
    const messages: Summary[] = [];
    for await (const summary of this.#deps.mailbox.list({ conversation, junk: true })) messages.unshift(summary);
    return {
      conversation,
      members: membersOf(open),
      former: open.roles.filter(({ role }) => role === 'left' || role === 'removed'),
      ownRole: open.roleOf(this.#own),
      joinRule: open.joinRule,
      events: open.events,
      messages: messages.map((summary) => ({ ...summary, counts: open.counts(summary.id) })),
      gaps: open.missing,
    };
  }

  /** Makes people something in it. Throws ClientError `not_an_owner`, `unknown_recipient`, `home_unreachable` … */
  async add(
    conversation: ConversationId,
    addresses: readonly Address[],
    role: GrantedRole,
    signal?: AbortSignal,
  ): Promise<Acted> {
    const open = await this.#deps.conversations.current(conversation);
    checkIsOwner(open, this.#own);
    const others = addresses.filter((address) => open.roleOf(address) !== role);
    const present = others.filter((address) => role === 'invited' && open.isPresent(address));
    if (present.length > 0) throw refused(`${present.join(', ')} cannot be invited: already in the conversation`);
    await this.#deps.composer.certificatesOf(others);
    return this.#change(
      open,
      others.map((about) => ({ about, role })),
      signal,
    );
  }

  /** Throws ClientError `not_an_owner` or `not_a_member`. */
  async remove(conversation: ConversationId, addresses: readonly Address[], signal?: AbortSignal): Promise<Acted> {
    const open = await this.#deps.conversations.current(conversation);
    checkIsOwner(open, this.#own);
    if (addresses.includes(this.#own))
      throw refused('nobody removes themselves', `\`restante conversation leave ${conversation}\``);
    const strangers = addresses.filter((address) => !open.isPresent(address) && open.roleOf(address) !== 'invited');
    if (strangers.length > 0)
      throw new ClientError('not_a_member', `not in the conversation: ${strangers.join(', ')}`, {
        details: { addresses: strangers },
        fix: `see \`restante conversation show ${conversation}\``,
      });
    return this.#change(
      open,
      addresses.map((about) => ({ about, role: 'removed' as const })),
      signal,
    );
  }

  /** Also refuses an invitation. Throws ClientError `not_in_conversation`. */
  async leave(conversation: ConversationId, signal?: AbortSignal): Promise<Acted> {
    const open = await this.#deps.conversations.current(conversation);
    if (open.roleOf(this.#own) !== 'invited') checkIsIn(open, this.#own);
    return this.#change(open, [{ about: this.#own, role: 'left' }], signal);
  }

  /**
   * By invitation, or where the conversation is open. Throws ClientError `not_in_conversation` when it is not; with a home to
   * look at also `unknown_home`, `home_unreachable` or `offline`.
   */
  async join(conversation: ConversationId, { at, signal }: JoinOptions = {}): Promise<Acted> {
    const { conversations } = this.#deps;
    const open =
      at === undefined || at === homeOf(this.#own)
        ? await conversations.current(conversation)
        : await conversations.shownBy(at, conversation);
    const { joinRule: rule } = open;
    const before = open.roleOf(this.#own);
    if (open.isPresent(this.#own)) return { conversation, status: 'unchanged', members: membersOf(open) };
    if (before !== 'invited' && (rule === 'invite' || before === 'removed')) checkIsIn(open, this.#own);
    const role = before === 'invited' || rule === 'invite' ? 'member' : rule.open;
    return this.#change(open, [{ about: this.#own, role }], signal);
  }

  /** Who may join by themselves. Throws ClientError `not_an_owner`. */
  async setJoinRule(conversation: ConversationId, rule: JoinRule, signal?: AbortSignal): Promise<Acted> {
    const open = await this.#deps.conversations.current(conversation);
    checkIsOwner(open, this.#own);
    const body = encodeSettingBody(rule);
    return this.#post(open, [this.#sign(open, { type: 'state', stateKey: 'join', body }, open.present)], signal);
  }

  async #change(
    open: OpenConversation,
    wishes: readonly { readonly about: Address; readonly role: Role }[],
    signal: AbortSignal | undefined,
  ): Promise<Acted> {
    if (wishes.length === 0) return { conversation: open.id, status: 'unchanged', members: membersOf(open) };
    const changes = wishes.map(({ about, role }) =>
      this.#sign(open, { type: 'member', stateKey: about, body: encodeMemberBody(role) }, [...open.present, about]),
    );
    return this.#post(open, changes, signal);
  }

  /** Signs a change and takes it into `open`, so that the next one follows it. */
  #sign(
    open: OpenConversation,
    what: { readonly type: 'member' | 'state'; readonly stateKey: string; readonly body: Uint8Array },
    concerned: readonly Address[],
  ): SealedMail {
    const recipients = [...new Set([...concerned, this.#own])];
    if (recipients.length > RECIPIENTS_MAX)
      throw new ClientError('too_large', `a conversation has at most ${RECIPIENTS_MAX} people`);
    const change = this.#deps.writer.writeChange({ ...what, ...open.end, conversation: open.id, recipients });
    if (open.allows(change) !== 'allowed') throw refused('by what is known of the conversation, you may not do this');
    open.add([change]);
    return change;
  }

  async #post(open: OpenConversation, changes: readonly SealedMail[], signal: AbortSignal | undefined): Promise<Acted> {
    const status = await this.#deps.posting.post(changes, signal);
    return { conversation: open.id, status, members: membersOf(open) };
  }
}

function membersOf(open: OpenConversation): readonly Standing[] {
  return open.roles.filter(({ role }) => role !== 'left' && role !== 'removed');
}

function refused(message: string, fix?: string): ClientError {
  return new ClientError('refused', message, fix === undefined ? {} : { fix });
}
