/** A command whose profile another process has: it runs there, and this process is its terminal. */
import { connect, type Socket } from 'node:net';
import { CodedError } from '../../base/index.ts';
import { CliError } from '../cli-error.ts';
import type { Context } from '../context.ts';
import { describeError } from '../error-line.ts';
import type { Profile } from '../profile.ts';
import { bytesOfPiece, Channel, type FromGuest, type FromHost, piecesOf, type Question } from './channel.ts';
import { meetingPlace, proofOf } from './meeting.ts';

/**
 * `ended`: it ran there, and everything is said. `nobody`: nobody serves there, at least not now. `moved`: the other process
 * has ended, and this one goes on.
 */
export type HandOver =
  | { readonly status: 'ended'; readonly code: number }
  | { readonly status: 'nobody' }
  | { readonly status: 'moved' };

/** What tells an output how to paint. */
const PAINT_VARIABLES = ['NO_COLOR', 'FORCE_COLOR', 'TERM'] as const;

export async function handOver(context: Context, profile: Profile, profileKey: Uint8Array): Promise<HandOver> {
  const path = meetingPlace(profile.folder);
  const socket = path === undefined ? undefined : await reach(path);
  if (socket === undefined) return { status: 'nobody' };
  const channel = new Channel<FromHost, FromGuest>(socket);
  const interrupt = (): void => void channel.send({ type: 'interrupt' });
  context.signal.addEventListener('abort', interrupt, { once: true });
  let hasBegun = false;
  try {
    for await (const message of channel.messages()) {
      if (message.type === 'ended') return { status: 'ended', code: message.code };
      if (message.type === 'moved') return { status: 'moved' };
      if (message.type === 'hello') {
        context.signal.throwIfAborted(); // nothing has begun there
        await channel.send(requestOf(context, proofOf(context.deps.suite, profileKey, message.nonce)));
      } else {
        hasBegun = true; // also of an earlier version, which does not say so first
        if (message.type !== 'begun') take(context, channel, message);
      }
    }
  } finally {
    context.signal.removeEventListener('abort', interrupt);
    socket.destroy();
  }
  // It has ended by itself before it read what was asked of it.
  if (!hasBegun) return { status: 'nobody' };
  throw new CliError('interrupted', 'the command that has the profile was killed', {
    fix: 'Look with `restante list` or `restante doctor` what was done, and run the same command again.',
  });
}

function take(
  context: Context,
  channel: Channel<FromHost, FromGuest>,
  message: Extract<FromHost, { type: 'write' | 'question' | 'wantInput' }>,
): void {
  switch (message.type) {
    case 'write':
      context.streams[message.to].write(bytesOfPiece(message.bytes));
      break;
    case 'question':
      void answer(context, message.question).then((said) =>
        channel.send({ type: 'answer', number: message.number, ...said }),
      );
      break;
    case 'wantInput':
      void sendInput(context, channel);
      break;
  }
}

function requestOf(context: Context, proof: string): FromGuest {
  const { environment, stderr, stdin, stdout } = context.streams;
  const painting = PAINT_VARIABLES.flatMap((name) => {
    const value = environment[name];
    return value === undefined ? [] : [[name, value] as const];
  });
  return {
    type: 'run',
    proof,
    args: context.args,
    workingFolder: process.cwd(),
    terminal: {
      columns: { stdout: stdout.columns ?? 0, stderr: stderr.columns ?? 0 },
      isTTY: { stdin: stdin.isTTY === true, stdout: stdout.isTTY === true, stderr: stderr.isTTY === true },
      environment: Object.fromEntries(painting),
      hasPassword: context.questions.hasPassword,
    },
  };
}

async function answer({ questions }: Context, question: Question): Promise<Pick<Answer, 'text' | 'error'>> {
  try {
    if (question.ask === 'secret') return { text: await questions.secret(question.secret) };
    if (question.ask === 'newPassword') return { text: await questions.newPassword() };
    await questions.confirm(question.question);
    return { text: '' };
  } catch (error) {
    if (!(error instanceof CodedError)) throw error;
    return { error: describeError(error) };
  }
}

type Answer = Extract<FromGuest, { type: 'answer' }>;

async function sendInput({ streams }: Context, channel: Channel<FromHost, FromGuest>): Promise<void> {
  for await (const chunk of streams.stdin)
    for (const bytes of piecesOf(Buffer.from(chunk as Uint8Array))) await channel.send({ type: 'input', bytes });
  await channel.send({ type: 'inputEnd' });
}

function reach(path: string): Promise<Socket | undefined> {
  return new Promise((resolve) => {
    const socket = connect(path);
    socket.once('connect', () => resolve(socket));
    socket.once('error', () => resolve(undefined)); // it has ended, or has not begun to listen
  });
}
