/** What the bus's server and its connections say on the Unix socket: a frame of a JSON line and the message behind it. */
import { z } from 'zod';
import { fromUtf8, utf8 } from '../../../base/index.ts';
import { encodeFrame } from '../../framing.ts';
import { HubError } from '../../hub-error.ts';
import { IPC_HEADER_BYTES_MAX } from '../limits.ts';

const id = z.int().min(1);
const name = z.string().min(1).max(256);

/** Of a connection; each with an `id` is answered by `done` or `failed`. */
const callSchema = z.discriminatedUnion('op', [
  z.strictObject({ op: z.literal('join'), id, name }),
  z.strictObject({ op: z.literal('leave'), id, name }),
  z.strictObject({ op: z.literal('send'), id, name }),
  z.strictObject({ op: z.literal('publish'), id, name }),
  z.strictObject({ op: z.literal('listen'), id, name }),
  z.strictObject({ op: z.literal('unlisten'), id, name }),
  z.strictObject({ op: z.literal('present'), id, name }),
]);
/** Of the server. */
const answerSchema = z.discriminatedUnion('op', [
  z.strictObject({ op: z.literal('done'), id, isPresent: z.boolean().optional() }),
  z.strictObject({ op: z.literal('failed'), id, code: z.enum(['busy', 'absent', 'closed', 'too_large']) }),
  z.strictObject({ op: z.literal('deliver'), name }),
  z.strictObject({ op: z.literal('event'), name }),
]);

export type IpcCall = z.output<typeof callSchema>;
export type IpcAnswer = z.output<typeof answerSchema>;

export interface IpcFrame<Header> {
  readonly header: Header;
  readonly message: Uint8Array;
}

const NOTHING = new Uint8Array();
const NEWLINE = 10;

export function encodeIpcFrame(header: IpcCall | IpcAnswer, message: Uint8Array = NOTHING): Uint8Array {
  return encodeFrame(utf8(`${JSON.stringify(header)}\n`), message);
}

export function decodeIpcCall(frame: Uint8Array): IpcFrame<IpcCall> {
  return decode(callSchema, frame);
}

export function decodeIpcAnswer(frame: Uint8Array): IpcFrame<IpcAnswer> {
  return decode(answerSchema, frame);
}

function decode<Header>(schema: z.ZodType<Header>, frame: Uint8Array): IpcFrame<Header> {
  const end = frame.subarray(0, IPC_HEADER_BYTES_MAX).indexOf(NEWLINE);
  try {
    if (end === -1) throw new HubError('malformed', 'no header line');
    return { header: schema.parse(JSON.parse(fromUtf8(frame.subarray(0, end)))), message: frame.slice(end + 1) };
  } catch (cause) {
    throw new HubError('malformed', 'not a frame of the bus', { cause });
  }
}
