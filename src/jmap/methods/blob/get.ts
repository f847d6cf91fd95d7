/** Blob/get (RFC 9404, section 4.2): octets, sizes and digests of blobs, or of a range of them. */
import { createHash } from 'node:crypto';
import { z } from 'zod';
import { octetsOf } from '../../blobs/blobs.ts';
import { BLOB_SET_BYTES_MAX } from '../../limits.ts';
import { idOrReference, parseArguments, unsigned } from '../../protocol/arguments.ts';
import { BLOB } from '../../protocol/capabilities.ts';
import { MethodError } from '../../protocol/errors.ts';
import { accountOf, type Method, resolveId } from '../call.ts';
import { getArguments, type JmapObject, wantedIds } from '../standard/get.ts';

/** By JMAP's name, Node's. */
export const DIGESTS: Readonly<Record<string, string>> = { sha: 'sha1', 'sha-256': 'sha256', 'sha-512': 'sha512' };
const DATA = ['data', 'data:asText', 'data:asBase64'];

const blobGetArguments = z.strictObject({
  ...getArguments.shape,
  ids: z.array(idOrReference),
  offset: unsigned.nullish(),
  length: unsigned.nullish(),
});

export const blobGet: Method = {
  name: 'Blob/get',
  capability: BLOB,
  permission: 'read',
  async run(args, call) {
    const parsed = parseArguments(blobGetArguments, args);
    const account = accountOf(call, parsed.accountId);
    const properties = judge(parsed.properties ?? ['data', 'size']);
    const list: JmapObject[] = [];
    const notFound: string[] = [];
    let total = 0;
    for (const blobId of wantedIds(call, parsed.ids, () => [])) {
      const blob = await call.blobs.open(account, resolveId(call, blobId) ?? blobId);
      if (blob === undefined) {
        notFound.push(blobId);
        continue;
      }
      // Where the octets have to be decoded to know, they are read once.
      const whole = blob.size === undefined ? await octetsOf(blob, undefined, call.signal) : undefined;
      const size = blob.size ?? whole?.length ?? 0;
      const start = Math.min(parsed.offset ?? 0, size);
      const wanted = (parsed.offset ?? 0) + (parsed.length ?? size);
      const end = Math.min(size, wanted);
      if (properties.some((name) => DATA.includes(name))) total += end - start;
      if (total > BLOB_SET_BYTES_MAX) throw new MethodError('requestTooLarge', `at most ${BLOB_SET_BYTES_MAX} octets`);
      const isRead = properties.some((name) => name !== 'id' && name !== 'size');
      const range = !isRead
        ? new Uint8Array(0)
        : (whole?.subarray(start, end) ?? (await octetsOf(blob, { start, end }, call.signal)));
      const isTruncated = parsed.length !== null && parsed.length !== undefined && wanted > size;
      list.push({ id: blobId, ...describe(range, size, properties), ...(isTruncated ? { isTruncated } : {}) });
    }
    return [['Blob/get', { accountId: account.id, list, notFound }]];
  },
};

function judge(properties: readonly string[]): readonly string[] {
  const isKnown = (name: string): boolean =>
    name === 'id' ||
    name === 'size' ||
    DATA.includes(name) ||
    (name.startsWith('digest:') && Object.hasOwn(DIGESTS, name.slice(7)));
  const unknown = properties.find((name) => !isKnown(name));
  if (unknown !== undefined)
    throw new MethodError('invalidArguments', `no property ${JSON.stringify(unknown)}`, { arguments: ['properties'] });
  return properties;
}

function describe(range: Uint8Array, size: number, properties: readonly string[]): Record<string, unknown> {
  const shown: Record<string, unknown> = {};
  for (const name of properties) {
    if (name === 'size') shown.size = size;
    if (name.startsWith('digest:'))
      shown[name] = createHash(DIGESTS[name.slice(7)] ?? '')
        .update(range)
        .digest('base64');
    if (name === 'data:asBase64') shown[name] = Buffer.from(range).toString('base64');
    if (name === 'data' || name === 'data:asText') Object.assign(shown, asText(range, name));
  }
  return shown;
}

/** As text if it is UTF-8; `data` falls back to base64. */
function asText(range: Uint8Array, name: string): Record<string, unknown> {
  try {
    return { 'data:asText': new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(range) };
  } catch {
    return name === 'data'
      ? { 'data:asBase64': Buffer.from(range).toString('base64'), isEncodingProblem: true }
      : { 'data:asText': null, isEncodingProblem: true };
  }
}
