/** Handing over a message that a program has written: what the client says, in the words of a submission. */
import { CodedError } from '../../../base/index.ts';
import { type Client, MIME_BYTES_MAX, type RawMime } from '../../../client/index.ts';
import { detachLargest } from '../../../jmap/mime/index.ts';
import { type Address, isAddress, parseAddress, parsePduId } from '../../../protocol/index.ts';
import type { MailAgentCalls, SendOutcome } from './mail-protocol.ts';

type Request = MailAgentCalls['send']['request'];

/** What will not be otherwise however often it is tried. */
const FINAL: ReadonlySet<string> = new Set(['unknown_recipient', 'unknown_home', 'standing_alarm', 'too_large']);

export async function sendMail(client: Client, request: Request, signal: AbortSignal): Promise<SendOutcome> {
  const all = [...request.shown, ...request.hidden];
  const strange = all.filter((address) => !isAddress(address.toLowerCase()));
  if (strange.length > 0)
    return { status: 'refused', code: 'unknown_recipient', message: 'no address of a home', addresses: strange };
  const { answers, key, mime, returnsNothing } = request;
  try {
    const to = { shown: addresses(request.shown), hidden: addresses(request.hidden) };
    const answered = answers === undefined ? {} : { answers: parsePduId(answers) };
    // A program says by no word whether it may be in the clear: it is told what has become of it.
    const mail = {
      key,
      mime: rawMime(mime),
      whole: mime,
      ...to,
      ...answered,
      ordinary: 'best',
      returnsNothing,
    } as const;
    const { ordinary } = await client.sendRaw(mail, signal);
    return { status: 'taken', ordinary };
  } catch (error) {
    signal.throwIfAborted();
    if (!(error instanceof CodedError)) throw error;
    if (!FINAL.has(error.code)) return { status: 'later', message: error.message };
    return { status: 'refused', code: error.code, message: error.message, addresses: concerned(error, all) };
  }
}

/** Of what is larger than a mail may be, the largest parts go beside it. */
export function rawMime(mime: Uint8Array): RawMime {
  return detachLargest(mime, MIME_BYTES_MAX) ?? mime;
}

function addresses(texts: readonly string[]): Address[] {
  return [...new Set(texts.map((text) => parseAddress(text.toLowerCase())))];
}

/** Whom an error is about, in the request's spelling; everybody where it does not say. */
function concerned({ details }: CodedError, all: readonly string[]): readonly string[] {
  const { address, addresses: several, home } = details;
  const named = Array.isArray(several) ? several : address === undefined ? [] : [address];
  const isMeant = (text: string): boolean =>
    named.includes(text.toLowerCase()) || (typeof home === 'string' && text.toLowerCase().endsWith(`@${home}`));
  const meant = all.filter(isMeant);
  return meant.length > 0 ? meant : all;
}
