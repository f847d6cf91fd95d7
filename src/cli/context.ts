/** What every command is given: the outside world, what to say things with, and when to stop. */
import { createRequire } from 'node:module';
import { resolve } from 'node:path';
import type { Readable, Writable } from 'node:stream';
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
import type { Client } from '../client/index.ts';
import { currentPlatform, type Platform } from './folders.ts';
import type { Interruption } from './interruption.ts';
import { createLog } from './log.ts';
import type { Profile } from './profile.ts';
import { Output } from './terminal/output.ts';
import { type Asking, Questions } from './terminal/questions.ts';

export type TerminalOutput = Writable & { readonly isTTY?: boolean; readonly columns?: number };

export interface Streams {
  readonly stdin: Readable & { readonly isTTY?: boolean };
  readonly stdout: TerminalOutput;
  readonly stderr: TerminalOutput;
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

/** Somebody's profile, opened in this process. */
export interface Person {
  readonly client: Client;
  readonly profile: Profile;
  /** Opens what the profile has sealed. */
  readonly profileKey: Uint8Array;
}

/** Of a command that was typed in another process and runs in this one, which has the profile (`sharing/`). */
export interface Shared {
  readonly person: Person;
  readonly questions: Asking;
  /** Where the command was typed. */
  readonly workingFolder: string;
}

/** Runs a whole command and resolves with its exit code. */
export type RunCommand = (
  args: readonly string[],
  streams: Streams,
  interruption: Interruption,
  shared: Shared | undefined,
) => Promise<number>;

export interface ContextDeps {
  readonly args: readonly string[];
  readonly streams: Streams;
  readonly interruption: Interruption;
  readonly shared: Shared | undefined;
  readonly run: RunCommand;
}

export interface Context {
  readonly deps: Deps;
  readonly output: Output;
  readonly questions: Asking;
  readonly platform: Platform;
  readonly streams: Streams;
  /** As they were typed. */
  readonly args: readonly string[];
  readonly shared: Shared | undefined;
  readonly run: RunCommand;
  /** A path as it was typed, for this process. */
  readonly pathOf: (typed: string) => string;
  /** Aborted by Ctrl-C. */
  readonly signal: AbortSignal;
  readonly interruption: Interruption;
  /** Of what runs inside this process; silent unless --verbose. */
  readonly log: Log;
}

export function createContext(made: ContextDeps, options: CommonOptions): Context {
  const { args, interruption, run, shared, streams } = made;
  const clock = new SystemClock();
  const random = new SystemRandom();
  const { json = false, verbose = false, progress = false, passwordStdin = false } = options;
  const { signal } = interruption;
  return {
    deps: { clock, random, suite: new SodiumSuite(), prng: new SeededPrng(seedOf(random)) },
    output: new Output({ clock, streams }, { json, verbose, progress }),
    questions: shared?.questions ?? new Questions(streams, { fromStdin: passwordStdin, signal }),
    platform: currentPlatform(streams.environment),
    streams,
    args,
    shared,
    run,
    pathOf: (typed) => (shared === undefined ? typed : resolve(shared.workingFolder, typed)),
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

export function createAct(made: ContextDeps): Act {
  return (task) =>
    async (...all) => {
      const command = all.at(-1) as Command;
      const options = command.optsWithGlobals();
      const context = createContext(made, options);
      type Parameters_ = Parameters<typeof task>;
      await task(...([context, options, ...all.slice(0, -2)] as Parameters_));
    };
}

export const VERSION: string = (createRequire(import.meta.url)('../../package.json') as { version: string }).version;

function seedOf(random: SecureRandom): number {
  return new DataView(random.bytes(4).buffer).getUint32(0);
}
