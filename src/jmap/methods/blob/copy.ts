/** Blob/copy (RFC 8620, section 6.3). */
import { z } from 'zod';
import { id, idOrReference, parseArguments } from '../../protocol/arguments.ts';
import { CORE } from '../../protocol/capabilities.ts';
import { MethodError, SetError } from '../../protocol/errors.ts';
import { type Method, resolveId, writableAccountOf } from '../call.ts';
import { failuresOrNull, judgeCount, mapOrNull } from '../standard/set.ts';

const copyArguments = z.strictObject({ fromAccountId: id, accountId: id, blobIds: z.array(idOrReference) });

export const blobCopy: Method = {
  name: 'Blob/copy',
  capability: CORE,
  permission: 'write',
  async run(args, call) {
    const { fromAccountId, accountId, blobIds } = parseArguments(copyArguments, args);
    const account = writableAccountOf(call, accountId);
    const from = call.store.account(fromAccountId);
    if (from === undefined) throw new MethodError('fromAccountNotFound', `no account ${fromAccountId}`);
    judgeCount(blobIds.length);
    const copied = new Map<string, string>();
    const notCopied = new Map<string, SetError>();
    for (const one of new Set(blobIds)) {
      const blob = await call.blobs.open(from, resolveId(call, one) ?? one);
      if (blob === undefined) notCopied.set(one, new SetError('notFound', 'there is no such blob'));
      else copied.set(one, (await call.blobs.put(account.id, blob.read(undefined, call.signal), call.signal)).id);
    }
    const result = { copied: mapOrNull(copied), notCopied: failuresOrNull(notCopied) };
    return [['Blob/copy', { fromAccountId, accountId, ...result }]];
  },
};
