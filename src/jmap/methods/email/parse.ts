/** Email/parse (RFC 8621, section 4.9): blobs as messages, without keeping them. */
import { z } from 'zod';
import { CORE_LIMITS } from '../../limits.ts';
import { envelopeOf } from '../../mime/envelope.ts';
import { id, idOrReference, parseArguments } from '../../protocol/arguments.ts';
import { MAIL } from '../../protocol/capabilities.ts';
import { MethodError } from '../../protocol/errors.ts';
import { accountOf, type Method, resolveId } from '../call.ts';
import { BodyView, type RemoteOf } from './body-view.ts';
import {
  bodyArguments,
  bodyOptionsOf,
  DEFAULT_PROPERTIES,
  emailObject,
  judgeProperties,
  METADATA,
} from './email-view.ts';
import { isMessage } from './import.ts';

const parseMethodArguments = z.strictObject({
  accountId: id,
  blobIds: z.array(idOrReference),
  properties: z.array(z.string()).nullish(),
  ...bodyArguments,
});

const PARSE_PROPERTIES = DEFAULT_PROPERTIES.filter((name) => !METADATA.includes(name));
/** What only an email in a mailbox has. */
const ABSENT = new Set(['id', 'threadId', 'mailboxIds', 'keywords', 'receivedAt']);

export const emailParse: Method = {
  name: 'Email/parse',
  capability: MAIL,
  permission: 'read',
  async run(args, call) {
    const parsed = parseArguments(parseMethodArguments, args);
    const account = accountOf(call, parsed.accountId);
    const properties = judgeProperties(parsed.properties ?? PARSE_PROPERTIES);
    const options = bodyOptionsOf(parsed);
    const blobIds = new Set(parsed.blobIds.map((blobId) => resolveId(call, blobId) ?? blobId));
    if (blobIds.size > CORE_LIMITS.maxObjectsInGet)
      throw new MethodError('requestTooLarge', `at most ${CORE_LIMITS.maxObjectsInGet} blobs at once`);
    const found: Record<string, unknown> = {};
    const notParsable: string[] = [];
    const notFound: string[] = [];
    for (const blobId of blobIds) {
      const raw = await call.blobs.bytes(account, blobId, call.signal);
      if (raw === undefined) notFound.push(blobId);
      else if (!isMessage(raw)) notParsable.push(blobId);
      else {
        const object = messageObject(
          raw,
          blobId,
          properties.filter((name) => !ABSENT.has(name)),
          options,
          (type, content) => call.blobs.remoteOf(account, type, content),
        );
        found[blobId] = Object.fromEntries(properties.map((name) => [name, ABSENT.has(name) ? null : object[name]]));
      }
    }
    const response = {
      accountId: account.id,
      parsed: Object.keys(found).length === 0 ? null : found,
      notParsable: notParsable.length === 0 ? null : notParsable,
      notFound: notFound.length === 0 ? null : notFound,
    };
    return [['Email/parse', response]];
  },
};

function messageObject(
  raw: Uint8Array,
  blobId: string,
  properties: readonly string[],
  options: ReturnType<typeof bodyOptionsOf>,
  remoteOf: RemoteOf,
) {
  const body = new BodyView(raw, blobId, remoteOf);
  const fields = body.structure.headers;
  const email = {
    n: 0,
    id: '',
    threadId: '',
    blobId,
    size: raw.length,
    receivedAt: 0,
    keywords: [],
    mailboxIds: [],
    hasAttachment: body.property('hasAttachment', options) as boolean,
    preview: properties.includes('preview') ? (body.property('preview', options) as string) : '',
    envelope: envelopeOf(fields),
    place: null,
  };
  return emailObject({ email, body, fields: () => fields }, properties, options);
}
