/**
 * A conversation as another home shows it to whoever may join: for a person of ours who wants to, before anybody here has a
 * part in it. Nothing of it is judged or kept here; the person's own device checks every signature.
 */
import {
  BODY_BYTES_MAX,
  type ConversationId,
  decodePdus,
  type HomeName,
  type Item,
  PDU_HEADER_BYTES_MAX,
  ProtocolError,
} from '../../protocol/index.ts';
import { FederationError } from '../federation-error.ts';
import type { FederationLink } from '../ports.ts';
import { placeText } from './answers.ts';
import { ANSWER_PDUS_MAX } from './limits.ts';
import type { Place } from './pdu-view.ts';

export interface ShownPage {
  readonly pdus: readonly Pick<Item, 'pdu' | 'body' | 'hasBody'>[];
  readonly more: boolean;
}

/** The page after `after`. Throws FederationError `forbidden` where nobody of our home may look. */
export async function askForPage(
  link: Pick<FederationLink, 'state'>,
  home: HomeName,
  conversation: ConversationId,
  after: Place | undefined,
  signal: AbortSignal,
): Promise<ShownPage> {
  const bytes = await link.state(home, conversation, after === undefined ? undefined : placeText(after), signal);
  const page = read(bytes);
  const size = page.pdus.reduce((sum, { pdu, body }) => sum + pdu.length + body.length, 0);
  // It travels on in one frame.
  if (page.pdus.length > ANSWER_PDUS_MAX || size > BODY_BYTES_MAX + PDU_HEADER_BYTES_MAX)
    throw new FederationError('bad_answer', `a page of ${page.pdus.length} PDUs and ${size} bytes`);
  return page;
}

function read(bytes: Uint8Array): ShownPage {
  try {
    return decodePdus(bytes);
  } catch (cause) {
    if (!(cause instanceof ProtocolError)) throw cause;
    throw new FederationError('bad_answer', `the conversation cannot be read: ${cause.message}`, { cause });
  }
}
