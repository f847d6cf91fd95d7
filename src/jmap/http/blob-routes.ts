/** Uploads and downloads (RFC 8620, sections 6.1 and 6.2), with ranges (RFC 9110, section 14). */
import { Readable } from 'node:stream';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { OpenBlob } from '../blobs/blobs.ts';
import type { ByteRange } from '../blobs/ports.ts';
import { closedSignal } from './closed-signal.ts';
import { callerOf, type MountDeps, notFound, requirePermission } from './mount-deps.ts';

export function blobRoutes(scope: FastifyInstance, deps: MountDeps): void {
  scope.post<{ Params: { accountId: string } }>(
    '/upload/:accountId/',
    { bodyLimit: Number.MAX_SAFE_INTEGER }, // counted while it comes
    async (request, reply) => {
      requirePermission(await callerOf(deps, request), 'write');
      const { accountId } = request.params;
      const blob = await deps.jmap.upload(accountId, bodyOf(request), closedSignal(reply));
      if (blob === undefined) return notFound(reply, 'there is no such account');
      const type = request.headers['content-type'] ?? 'application/octet-stream';
      return reply.code(201).send({ accountId, blobId: blob.id, type, size: blob.size });
    },
  );
  scope.get<{ Params: { accountId: string; blobId: string; '*': string }; Querystring: { accept?: string } }>(
    '/download/:accountId/:blobId/*',
    async (request, reply) => {
      await callerOf(deps, request);
      const { accountId, blobId, '*': name } = request.params;
      const blob = await deps.jmap.download(accountId, blobId);
      if (blob === undefined) return notFound(reply, 'there is no such blob');
      reply
        .header('content-type', mediaTypeOf(request.query.accept))
        .header('content-disposition', `attachment; filename*=utf-8''${encodeFilename(name)}`)
        // A blob id always names the same octets.
        .header('cache-control', 'private, immutable, max-age=31536000')
        .header('accept-ranges', 'bytes')
        // Foreign content in our own origin: nothing of it may run.
        .header('content-security-policy', "sandbox; default-src 'none'")
        .header('x-content-type-options', 'nosniff');
      const elsewhere: SendElsewhere = (range, signal) =>
        deps.sendElsewhere?.(request, { accountId, blobId, range }, signal) ?? Promise.resolve(undefined);
      return sendRange(request, reply, blob, elsewhere);
    },
  );
}

function bodyOf(request: FastifyRequest): AsyncIterable<Uint8Array> {
  return request.body instanceof Readable ? request.body : Readable.from([]);
}

type SendElsewhere = (range: ByteRange, signal: AbortSignal) => Promise<Readonly<Record<string, string>> | undefined>;

async function sendRange(
  request: FastifyRequest,
  reply: FastifyReply,
  blob: OpenBlob,
  elsewhere: SendElsewhere,
): Promise<FastifyReply> {
  const signal = closedSignal(reply);
  const asked = parseRange(request.headers.range);
  const size = blob.size ?? (asked === undefined ? undefined : await countOctets(blob, signal));
  // How large it is can be told without fetching it from wherever it is.
  if (request.method === 'HEAD' && size !== undefined)
    return reply.header('content-length', size).send(Readable.from([]));
  if (asked === undefined || size === undefined) {
    if (size === undefined) return reply.send(await begun(blob.read(undefined, signal)));
    const sent = await elsewhere({ start: 0, end: size }, signal);
    if (sent !== undefined) return reply.headers(sent).send();
    const octets = await begun(blob.read({ start: 0, end: size }, signal));
    return reply.header('content-length', size).send(octets);
  }
  const range = withinSize(asked, size);
  if (range === undefined)
    return reply.code(416).header('content-range', `bytes */${size}`).removeHeader('content-disposition').send();
  const partial = (): FastifyReply =>
    reply.code(206).header('content-range', `bytes ${range.start}-${range.end - 1}/${size}`);
  const sent = await elsewhere(range, signal);
  if (sent !== undefined) return partial().headers(sent).send();
  const octets = await begun(blob.read(range, signal));
  return partial()
    .header('content-length', range.end - range.start)
    .send(octets);
}

/** The first octets are there: what cannot be had is said with a status, and not by a connection that breaks. */
async function begun(octets: AsyncIterable<Uint8Array>): Promise<Readable> {
  const pieces = octets[Symbol.asyncIterator]();
  const first = await pieces.next();
  return Readable.from(
    (async function* () {
      try {
        for (let next = first; next.done !== true; next = await pieces.next()) yield next.value;
      } finally {
        await pieces.return?.();
      }
    })(),
  );
}

type AskedRange = { readonly first: number; readonly last: number | undefined } | { readonly suffix: number };

/** One range of bytes; anything else is as if none were asked for, as RFC 9110 allows. */
function parseRange(header: string | undefined): AskedRange | undefined {
  const match = /^bytes=\s*(\d{0,15})-(\d{0,15})\s*$/.exec(header ?? '');
  if (match === null) return undefined;
  const [, first = '', last = ''] = match;
  if (first === '') return last === '' ? undefined : { suffix: Number(last) };
  if (last !== '' && Number(last) < Number(first)) return undefined;
  return { first: Number(first), last: last === '' ? undefined : Number(last) };
}

function withinSize(asked: AskedRange, size: number): ByteRange | undefined {
  const start = 'suffix' in asked ? Math.max(0, size - asked.suffix) : asked.first;
  const end = 'suffix' in asked ? size : Math.min(size, (asked.last ?? size) + 1);
  return start < end ? { start, end } : undefined;
}

/** Of a part that has to be decoded to know. */
async function countOctets(blob: OpenBlob, signal: AbortSignal): Promise<number> {
  let size = 0;
  for await (const piece of blob.read(undefined, signal)) size += piece.length;
  return size;
}

function mediaTypeOf(accept: string | undefined): string {
  return accept !== undefined && /^[\w!#$&^.+-]+\/[\w!#$&^.+-]+(?:;[\x20-\x7e]*)?$/.test(accept)
    ? accept
    : 'application/octet-stream';
}

function encodeFilename(name: string): string {
  return encodeURIComponent(name.toWellFormed()).replace(
    /['()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16)}`,
  );
}
