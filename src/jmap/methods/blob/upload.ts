/** Blob/upload (RFC 9404, section 4.1): blobs from text, base64 and pieces of other blobs. */
import { z } from 'zod';
import { octetsOf } from '../../blobs/blobs.ts';
import { BLOB_SET_BYTES_MAX, BLOB_SOURCES_MAX } from '../../limits.ts';
import { id, idOrReference, parseArguments, unsigned } from '../../protocol/arguments.ts';
import { BLOB } from '../../protocol/capabilities.ts';
import { invalidProperties, SetError } from '../../protocol/errors.ts';
import type { MailAccount } from '../../store/mail-account.ts';
import { type Call, type Method, resolveId, writableAccountOf } from '../call.ts';
import { failuresOrNull, judgeCount, mapOrNull } from '../standard/set.ts';

const uploadArguments = z.strictObject({ accountId: id, create: z.record(z.string(), z.unknown()) });

const source = z.union([
  z.strictObject({ 'data:asText': z.string() }),
  z.strictObject({ 'data:asBase64': z.base64() }),
  z.strictObject({ blobId: idOrReference, offset: unsigned.nullish(), length: unsigned.nullish() }),
]);
const uploadObject = z.strictObject({ data: z.array(source), type: z.string().nullish() });

export const blobUpload: Method = {
  name: 'Blob/upload',
  capability: BLOB,
  permission: 'write',
  async run(args, call) {
    const { accountId, create } = parseArguments(uploadArguments, args);
    const account = writableAccountOf(call, accountId);
    judgeCount(Object.keys(create).length);
    const created = new Map<string, object>();
    const notCreated = new Map<string, SetError>();
    for (const [creationId, object] of Object.entries(create))
      try {
        const { bytes, type } = await assemble(call, account, object);
        const blob = await call.blobs.putBytes(account.id, bytes, call.signal);
        call.createdIds.set(creationId, blob.id);
        created.set(creationId, { id: blob.id, type, size: blob.size });
      } catch (error) {
        if (!(error instanceof SetError)) throw error;
        notCreated.set(creationId, error);
      }
    const result = { created: mapOrNull(created), notCreated: failuresOrNull(notCreated) };
    return [['Blob/upload', { accountId, ...result }]];
  },
};

async function assemble(
  call: Call,
  account: MailAccount,
  object: unknown,
): Promise<{ bytes: Buffer; type: string | null }> {
  const parsed = uploadObject.safeParse(object);
  if (!parsed.success) throw invalidProperties(['data'], parsed.error.issues[0]?.message ?? 'invalid');
  const { data, type = null } = parsed.data;
  if (data.length > BLOB_SOURCES_MAX) throw new SetError('tooLarge', `at most ${BLOB_SOURCES_MAX} sources`);
  const pieces: Uint8Array[] = [];
  let size = 0;
  for (const one of data) {
    const piece = await pieceOf(call, account, one);
    size += piece.length;
    if (size > BLOB_SET_BYTES_MAX) throw new SetError('tooLarge', `at most ${BLOB_SET_BYTES_MAX} octets`);
    pieces.push(piece);
  }
  return { bytes: Buffer.concat(pieces), type };
}

async function pieceOf(call: Call, account: MailAccount, one: z.output<typeof source>): Promise<Uint8Array> {
  if ('data:asText' in one) return Buffer.from(one['data:asText']);
  if ('data:asBase64' in one) return Buffer.from(one['data:asBase64'], 'base64');
  const blob = await call.blobs.open(account, resolveId(call, one.blobId) ?? '');
  if (blob === undefined) throw new SetError('blobNotFound', 'there is no such blob', { notFound: [one.blobId] });
  const whole = blob.size === undefined ? await octetsOf(blob, undefined, call.signal) : undefined;
  const size = blob.size ?? whole?.length ?? 0;
  const start = one.offset ?? 0;
  const end = start + (one.length ?? Math.max(0, size - start));
  if (end > size) throw invalidProperties(['data'], 'the range is beyond the blob');
  if (end - start > BLOB_SET_BYTES_MAX) throw new SetError('tooLarge', `at most ${BLOB_SET_BYTES_MAX} octets`);
  return whole?.subarray(start, end) ?? (await octetsOf(blob, { start, end }, call.signal));
}
