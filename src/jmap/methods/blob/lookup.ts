/** Blob/lookup (RFC 9404, section 4.3): which emails, threads and mailboxes a blob is in. */
import { z } from 'zod';
import { parsePartBlobId } from '../../blobs/blob-id.ts';
import { CORE_LIMITS } from '../../limits.ts';
import { id, idOrReference, parseArguments } from '../../protocol/arguments.ts';
import { BLOB } from '../../protocol/capabilities.ts';
import { MethodError } from '../../protocol/errors.ts';
import type { MailAccount } from '../../store/mail-account.ts';
import { accountOf, type Method, resolveId } from '../call.ts';

export const LOOKUP_TYPES = ['Mailbox', 'Thread', 'Email'];

const lookupArguments = z.strictObject({ accountId: id, typeNames: z.array(z.string()), ids: z.array(idOrReference) });

export const blobLookup: Method = {
  name: 'Blob/lookup',
  capability: BLOB,
  permission: 'read',
  async run(args, call) {
    const { accountId, typeNames, ids } = parseArguments(lookupArguments, args);
    const account = accountOf(call, accountId);
    const unknown = typeNames.find((name) => !LOOKUP_TYPES.includes(name));
    if (unknown !== undefined) throw new MethodError('unknownDataType', `no lookup of ${JSON.stringify(unknown)}`);
    if (ids.length > CORE_LIMITS.maxObjectsInGet)
      throw new MethodError('requestTooLarge', `at most ${CORE_LIMITS.maxObjectsInGet} blobs at once`);
    const list: object[] = [];
    const notFound: string[] = [];
    for (const blobId of new Set(ids.map((one) => resolveId(call, one) ?? one)))
      if ((await call.blobs.open(account, blobId)) === undefined) notFound.push(blobId);
      else list.push({ id: blobId, matchedIds: matches(account, blobId, typeNames) });
    return [['Blob/lookup', { accountId, list, notFound }]];
  },
};

function matches(
  account: MailAccount,
  blobId: string,
  typeNames: readonly string[],
): Record<string, readonly string[]> {
  let message = blobId;
  for (let part = parsePartBlobId(message); part !== undefined; part = parsePartBlobId(message)) message = part.parent;
  const email = account.emailOfBlob(message);
  const found: Record<string, readonly string[]> = {
    Mailbox: email?.mailboxIds ?? [],
    Thread: email === undefined ? [] : [email.threadId],
    Email: email === undefined ? [] : [email.id],
  };
  return Object.fromEntries(typeNames.map((name) => [name, found[name] ?? []]));
}
