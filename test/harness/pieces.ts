/** A large attachment as a node sees it, bytes that mean nothing, and bringing and asking for its pieces by the wire. */
import { concatBytes, invariant, type SecureRandom, toHex } from '../../src/base/index.ts';
import { SodiumSuite } from '../../src/base/system/index.ts';
import { type Attached, type Body, type Range, type Receipt, STORED_CHUNK_BYTES } from '../../src/protocol/index.ts';
import type { WireClient } from './wire-client.ts';

const suite = new SodiumSuite();

export interface Pieces {
  /** SHA-256 of the chunk list. */
  readonly list: Uint8Array;
  /** The chunk list, then the chunks. */
  readonly bodies: readonly Uint8Array[];
  readonly attached: Attached;
}

/** `chunkCount` chunks, the last of which is short. */
export function createPieces(random: SecureRandom, chunkCount: number): Pieces {
  const chunks = Array.from({ length: chunkCount }, (_, i) =>
    random.bytes(i === chunkCount - 1 ? 1_000 : STORED_CHUNK_BYTES),
  );
  const bytes = concatBytes(...chunks.map((chunk) => suite.sha256(chunk)));
  const list = suite.sha256(bytes);
  const size = chunks.reduce((sum, chunk) => sum + chunk.length, 0);
  return { list, bodies: [bytes, ...chunks], attached: { list: toHex(list), size } };
}

export async function putPiece(
  client: WireClient,
  list: Uint8Array,
  number: number,
  body: Uint8Array,
): Promise<Receipt> {
  const answer = await client.ask((request) => ({ oneofKind: 'putBlob', putBlob: { request, list, number, body } }));
  invariant(answer.oneofKind === 'receipt', `a piece is answered by a receipt, not ${JSON.stringify(answer)}`);
  return answer.receipt;
}

export async function putPieces(client: WireClient, { bodies, list }: Pieces): Promise<Receipt[]> {
  const receipts: Receipt[] = [];
  for (const [number, body] of bodies.entries()) receipts.push(await putPiece(client, list, number, body));
  return receipts;
}

export async function getPiece(client: WireClient, list: Uint8Array, number: number): Promise<Body> {
  const answer = await client.ask((request) => ({ oneofKind: 'getBlob', getBlob: { request, list, number } }));
  invariant(answer.oneofKind === 'body', `a piece is answered by a body, not ${JSON.stringify(answer)}`);
  return answer.body;
}

export async function askPieces(client: WireClient, list: Uint8Array): Promise<readonly Range[]> {
  const answer = await client.ask((request) => ({ oneofKind: 'askBlobs', askBlobs: { request, list } }));
  invariant(answer.oneofKind === 'blobs', `the question is answered by blobs, not ${JSON.stringify(answer)}`);
  return answer.blobs.held;
}
