/**
 * SpamAssassin's spamd by its own protocol (spamd/PROTOCOL, version 1.5): one connection, one question, one answer. It sees the
 * text, so it stands on this machine.
 */
import { connect, type Socket } from 'node:net';
import { utf8, whenAborted } from '../base/index.ts';
import type { JunkFilter, JunkFinding } from './junk-filter.ts';
import { FILTER_ANSWER_BYTES_MAX } from './limits.ts';

/** A port of this machine, or a socket's path. */
export type SpamdPlace = { readonly host: string; readonly port: number } | { readonly path: string };

const STATUS = /^SPAMD\/\d+\.\d+ (\d+) /;
const SPAM = /^Spam: (True|Yes|False|No) ; (-?\d+(?:\.\d+)?) \/ (-?\d+(?:\.\d+)?)\s*$/im;

export class SpamdFilter implements JunkFilter {
  readonly name = 'spamd';
  readonly #place: SpamdPlace;

  constructor(place: SpamdPlace) {
    this.#place = place;
  }

  async judge(message: Uint8Array, signal: AbortSignal): Promise<JunkFinding> {
    const socket = connect(this.#place);
    using _ = whenAborted(signal, () => socket.destroy());
    try {
      // A cut is read as the end of the answer; what is missing of that is said there.
      socket.on('error', () => socket.destroy());
      socket.write(utf8(`CHECK SPAMC/1.5\r\nContent-length: ${message.length}\r\n\r\n`));
      socket.end(message);
      return findingIn(await answerOf(socket, signal));
    } finally {
      socket.destroy();
    }
  }
}

async function answerOf(socket: Socket, signal: AbortSignal): Promise<string> {
  let answer = '';
  try {
    for await (const piece of socket as AsyncIterable<Buffer>) {
      answer += piece.toString('latin1');
      if (answer.length > FILTER_ANSWER_BYTES_MAX) throw new Error('spamd says more than an answer has');
    }
  } catch (error) {
    signal.throwIfAborted();
    throw error;
  }
  signal.throwIfAborted();
  return answer;
}

function findingIn(answer: string): JunkFinding {
  const [, status] = STATUS.exec(answer) ?? [];
  const [, verdict = '', score, threshold] = SPAM.exec(answer) ?? [];
  if (status !== '0' || score === undefined || threshold === undefined)
    throw new Error('spamd does not answer with a finding');
  return { isJunk: /^[ty]/i.test(verdict), score: Number(score), threshold: Number(threshold) };
}
