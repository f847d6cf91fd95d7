/** What somebody may do in a conversation by what is verified here, and why not, in words. */
import type { Address, ConversationId, HomeName } from '../../protocol/index.ts';
import { ClientError } from '../client-error.ts';
import type { OpenConversation } from './open-conversation.ts';

export interface GapOptions {
  /** Go on although something of the conversation is not here. */
  readonly despiteGaps?: boolean;
}

/** Throws ClientError `not_in_conversation`, or `read_only`. */
export function checkMayWrite(open: OpenConversation, own: Address): void {
  checkIsIn(open, own);
  if (open.roleOf(own) === 'reader')
    throw new ClientError('read_only', 'you read this conversation and do not write to it', {
      fix: `ask an owner to make you a member: ${ownersOf(open)}`,
    });
}

/** Throws ClientError `not_in_conversation`, or `not_an_owner`. */
export function checkIsOwner(open: OpenConversation, own: Address): void {
  checkIsIn(open, own);
  if (open.roleOf(own) !== 'owner')
    throw new ClientError('not_an_owner', 'only an owner of the conversation may do this', {
      fix: `ask one: ${ownersOf(open)}`,
    });
}

/** Throws ClientError `not_in_conversation`. */
export function checkIsIn(open: OpenConversation, own: Address): void {
  if (open.isPresent(own)) return;
  const by = open.whoSaid(own);
  switch (open.roleOf(own)) {
    case 'invited':
      throw outside(`${by} invited you, and you have not joined yet`, `\`restante conversation join ${open.id}\``);
    case 'left':
      throw outside('you left this conversation', 'ask an owner to add you, or begin a new one');
    case 'removed':
      throw outside(`${by} removed you from this conversation`, 'begin a new one');
    default:
      throw outside('you are not in this conversation', 'ask an owner to add you, or begin a new one');
  }
}

/** Throws ClientError `not_a_member`. */
export function checkMembers(open: OpenConversation, addresses: readonly Address[]): void {
  const strangers = addresses.filter((address) => !open.isPresent(address));
  if (strangers.length === 0) return;
  throw new ClientError('not_a_member', `not in the conversation: ${strangers.join(', ')}`, {
    details: { addresses: strangers },
    fix: `\`restante conversation add ${open.id} ${strangers.join(' ')}\`, or write to them in a new one`,
  });
}

/** A hole may hide a removal. Throws ClientError `conversation_gap`. */
export function checkGaps(open: OpenConversation, isWithheld: boolean): void {
  const { lacking } = open;
  if (lacking.length === 0 && !isWithheld) return;
  const what =
    lacking.length > 0
      ? `${lacking.length} of its PDUs are not here`
      : 'the home withholds entries of your mailbox, which may belong to it';
  throw new ClientError('conversation_gap', `who is in the conversation is not certain: ${what}`, {
    details: { conversation: open.id, lacking },
    retry: 'later',
    fix: 'run `restante sync` and try again; --despite-gaps writes to those who are in it as far as is known',
  });
}

export function unknownConversation(conversation: ConversationId): ClientError {
  return new ClientError('unknown_conversation', `nothing of the conversation ${conversation} is here`, {
    fix: 'see `restante list --json`, or run `restante sync`',
  });
}

/** Another home has nothing of it for us: it is not there, or not open. */
export function notShown(conversation: ConversationId, home: HomeName): ClientError {
  return new ClientError('unknown_conversation', `${home} shows no conversation ${conversation} to your home`, {
    details: { home },
    fix: 'check its name and where it is; one that is not open is joined by invitation',
  });
}

/** What our home says when it could not look there. */
export function refusalBy(home: HomeName, conversation: ConversationId, refusal: string): ClientError {
  if (refusal === 'unknown') return notShown(conversation, home);
  if (refusal === 'unknown_home')
    return new ClientError('unknown_home', `no home answers for ${home}`, {
      details: { home },
      fix: 'check the spelling of the home',
    });
  return new ClientError('home_unreachable', `the home ${home} does not answer`, {
    details: { home, refusal },
    retry: 'later',
    fix: 'try again later; nothing was sent',
  });
}

function ownersOf(open: OpenConversation): string {
  return open.roles
    .filter(({ role }) => role === 'owner')
    .map(({ address }) => address)
    .join(', ');
}

function outside(message: string, fix: string): ClientError {
  return new ClientError('not_in_conversation', message, { fix });
}
