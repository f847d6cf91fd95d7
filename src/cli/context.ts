/** What every command is given: the outside world, what to say things with, and when to stop. */
import { createRequire } from 'node:module';
import type { Command } from 'commander';
import {
  type Clock,
  type CryptoSuite,
  type Log,
  type Prng,
  type SecureRandom,
  SeededPrng,
  SILENT_LOG,
} from '../base/index.ts';
import { SodiumSuite, SystemClock, SystemRandom } from '../base/system/index.ts';
import { currentPlatform, type Platform } from './folders.ts';
import type { Interruption } from './interruption.ts';
import { createLog } from './log.ts';
import { Output } from './terminal/output.ts';
import { Questions } from './terminal/questions.ts';

export interface Streams {
  readonly stdin: NodeJS.ReadStream;
  readonly stdout: NodeJS.WriteStream;
  readonly stderr: NodeJS.WriteStream;
  readonly environment: NodeJS.ProcessEnv;
}

/** Options that every command has. */
export interface CommonOptions {
  readonly json?: boolean;
  readonly verbose?: boolean;
  readonly progress?: boolean;
  readonly passwordStdin?: boolean;
}

export interface Deps {
  readonly clock: Clock;
  readonly random: SecureRandom;
  readonly prng: Prng;
  readonly suite: CryptoSuite;
}

export interface Context {
  readonly deps: Deps;
  readonly output: Output;
  readonly questions: Questions;
  readonly platform: Platform;
  readonly streams: Streams;
  /** Aborted by Ctrl-C. */
  readonly signal: AbortSignal;
  readonly interruption: Interruption;
  /** Of what runs inside this process; silent unless --verbose. */
  readonly log: Log;
}

export function createContext(streams: Streams, interruption: Interruption, options: CommonOptions): Context {
  const clock = new SystemClock();
  const random = new SystemRandom();
  const { json = false, verbose = false, progress = false, passwordStdin = false } = options;
  const { signal } = interruption;
  return {
    deps: { clock, random, suite: new SodiumSuite(), prng: new SeededPrng(seedOf(random)) },
    output: new Output({ clock, streams }, { json, verbose, progress }),
    questions: new Questions(streams, { fromStdin: passwordStdin, signal }),
    platform: currentPlatform(streams.environment),
    streams,
    signal,
    interruption,
    log: verbose ? createLog('debug') : SILENT_LOG,
  };
}

/**
 * Makes a commander action of a task. Commander hands over the arguments, then the command's own options, then the command;
 * what an option holds is judged by its parser where it is declared.
 */
export type Act = <Options extends object, Args extends readonly unknown[]>(
  task: (context: Context, options: Options & CommonOptions, ...args: Args) => Promise<void>,
) => (...all: unknown[]) => Promise<void>;

export function createAct(streams: Streams, interruption: Interruption): Act {
  return (task) =>
    async (...all) => {
      const command = all.at(-1) as Command;
      const options = command.optsWithGlobals();
      const context = createContext(streams, interruption, options);
      type Parameters_ = Parameters<typeof task>;
      await task(...([context, options, ...all.slice(0, -2)] as Parameters_));
    };
}

export const VERSION: string = (createRequire(import.meta.url)('../../package.json') as { version: string }).version;

function seedOf(random: SecureRandom): number {
  return new DataView(random.bytes(4).buffer).getUint32(0);
}
