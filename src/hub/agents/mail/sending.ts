/** Handing over a message that a program has written: what the client says, in the words of a submission. */
import { CodedError } from '../../../base/index.ts';
import {
  type AttachmentSource,
  type Client,
  MIME_BYTES_MAX,
  type RawMail,
  type RawMime,
} from '../../../client/index.ts';
import { detachLargest, partsOfType, takenApart } from '../../../jmap/mime/index.ts';
import {
  type Address,
  decodeManifest,
  isAddress,
  MANIFEST_TYPE,
  type Manifest,
  ProtocolError,
  parseAddress,
  parsePduId,
} from '../../../protocol/index.ts';
import type { MailAgentCalls, SendOutcome } from './mail-protocol.ts';

type Request = MailAgentCalls['send']['request'];

/** What will not be otherwise however often it is tried. */
const FINAL: ReadonlySet<string> = new Set([
  ...['unknown_recipient', 'unknown_home', 'standing_alarm', 'too_large'],
  ...['attachment_missing', 'attachment_damaged'],
]);

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
    const parts = withContents(client, mime, signal) ?? { mime: rawMime(mime), whole: mime };
    const mail = { key, ...parts, ...to, ...answered, ordinary: 'best', returnsNothing } as const;
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

/**
 * A draft that was kept at the home has the manifests of its large attachments, which lead nobody else to them: their contents
 * go again, from there. Undefined: it has none.
 */
function withContents(client: Client, mime: Uint8Array, signal: AbortSignal): Pick<RawMail, 'mime'> | undefined {
  if (!Buffer.from(mime.buffer, mime.byteOffset, mime.length).includes(MANIFEST_TYPE)) return undefined;
  const parts = partsOfType(mime, MANIFEST_TYPE).flatMap(({ content, part }) => {
    const manifest = manifestIn(content);
    return manifest === undefined ? [] : [{ part, placed: sourceOf(client, manifest, signal), keepsFields: true }];
  });
  return parts.length === 0 ? undefined : { mime: takenApart(mime, parts) };
}

/** A part of that type may hold something else. */
function manifestIn(content: Uint8Array): Manifest | undefined {
  try {
    return decodeManifest(content);
  } catch (error) {
    if (error instanceof ProtocolError) return undefined;
    throw error;
  }
}

function sourceOf(client: Client, manifest: Manifest, signal: AbortSignal): AttachmentSource {
  const { name, size, type } = manifest;
  return {
    name,
    type,
    size,
    open: async function* () {
      await using download = await client.openAttachment(manifest, signal);
      yield* download.chunks(1);
    },
  };
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
