/**
 * Hands a letter to a node. A large text goes in pieces, one after the other, from the first that the node has not: a cut costs
 * the piece under way. What the node has said it holds is on its disk.
 */
import { fromHex } from '../../base/index.ts';
import {
  chunkCountOfContent,
  INLINE_BODY_BYTES_MAX,
  LETTER_PIECE_BYTES,
  type Letter as LetterMessage,
  type Manifest,
  type Receipt,
  ReceiptStatus,
} from '../../protocol/index.ts';
import type { Staging } from '../attachments/staging.ts';
import type { LetterText } from '../compose/letters.ts';
import type { NodeConnection } from '../connection/index.ts';
import { PIECE_REQUEST_MS } from '../limits.ts';
import type { Letter } from './outbox.ts';

export interface HandoverDeps {
  readonly staging: Pick<Staging, 'open'>;
  /** Bytes that the node has. */
  readonly onProgress: (text: Manifest, done: number) => void;
}

/** Of a letter: all but its text. */
type LetterHead = Pick<LetterMessage, 'id' | 'recipients' | 'returnsNothing' | 'size'>;

export class LetterHandover {
  readonly #deps: HandoverDeps;

  constructor(deps: HandoverDeps) {
    this.#deps = deps;
  }

  /** The node's last word. Throws ConnectionError, `no_letters` among the refusals, or ClientError `corrupt_store`. */
  async hand(
    connection: NodeConnection,
    { id, recipients, returnsNothing }: Letter,
    text: LetterText,
  ): Promise<Receipt> {
    const isStaged = !(text instanceof Uint8Array);
    const size = isStaged ? text.size : text.length;
    const head = { id: fromHex(id), recipients: [...recipients], returnsNothing, size };
    // Without its text the node says what it would refuse.
    const offered = await offer(connection, head, isStaged || size > INLINE_BODY_BYTES_MAX ? undefined : text);
    if (!isStaged) return offered.status === ReceiptStatus.SEND_BODY ? offer(connection, head, text) : offered;
    if (offered.status !== ReceiptStatus.SEND_PIECES) return offered;
    return (await this.#sendPieces(connection, head, text, offered.index)) ?? offer(connection, head, undefined);
  }

  /** Undefined when the node has all of them. */
  async #sendPieces(
    connection: NodeConnection,
    { id }: LetterHead,
    text: Manifest,
    first: number,
  ): Promise<Receipt | undefined> {
    const last = chunkCountOfContent(text.size);
    for (let number = Math.max(1, first); number <= last; number++) {
      const piece = await this.#deps.staging.open(text, number);
      const { receipt } = await connection.request(
        'receipt',
        (request) => ({ oneofKind: 'letterPiece', letterPiece: { request, id, number, text: piece } }),
        { deadlineMs: PIECE_REQUEST_MS },
      );
      if (receipt.status !== ReceiptStatus.OK && receipt.status !== ReceiptStatus.DUPLICATE) return receipt;
      this.#deps.onProgress(text, Math.min(text.size, number * LETTER_PIECE_BYTES));
    }
    return undefined;
  }
}

async function offer(connection: NodeConnection, head: LetterHead, text: Uint8Array | undefined): Promise<Receipt> {
  const { receipt } = await connection.request('receipt', (request) => ({
    oneofKind: 'letter',
    letter: { request, ...head, text: text ?? NO_TEXT, withText: text !== undefined },
  }));
  return receipt;
}

const NO_TEXT = new Uint8Array(0);
