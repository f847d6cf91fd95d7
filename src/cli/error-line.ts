/**
 * The one table from what went wrong to what a person reads: `code: what happened. what to do`. Errors of the subsystems
 * carry their code and message; what to do stands here where they do not say. Anything unexpected is `internal`, with a
 * short message and no stack.
 */
import { CommanderError } from 'commander';
import { CodedError } from '../base/index.ts';
import { safeLine } from './terminal/text.ts';

export interface ErrorLine {
  readonly code: string;
  /** One sentence without its full stop. */
  readonly message: string;
  /** One sentence or more. */
  readonly fix: string;
}

/** What to do, by code, where the error itself does not know. */
const FIXES: Readonly<Record<string, string>> = Object.freeze({
  wrong_password: 'Try again; with the recovery code, `restante account recover ADDRESS` sets a new one.',
  empty_password: 'Choose one that is not empty.',
  wrong_recovery_code: 'Compare it with your copy; each account has its own.',
  weak_parameters: 'Do not go on: tell the people of the home, and check that this is their address.',
  offline: 'Check the network and `restante nodes ping`; what you send waits on this device.',
  unreachable: 'Check the address and that the node runs, then try again.',
  timeout: 'Try again; if it stays so, look at `restante nodes ping`.',
  address_refused: 'Name a node by a public address, or by --node if it is on your own network.',
  bad_url: 'Write it like wss://mail.example or ws://localhost:7896.',
  port_in_use: 'Stop the other program, or choose another port with --port.',
  bad_token: 'Make another with `restante fleet token` where the home runs.',
  registrar_away: 'Try again when the node that keeps the keys of the home is back; mail goes on meanwhile.',
  not_here: 'Do it there; `restante fleet status` shows which node keeps the keys.',
  no_registrar: 'Try again when the node that keeps the keys of the home is back.',
  disk_full: 'Make room and run the same command again.',
  locked: 'Wait for the other command to end, or stop it.',
  newer_schema: 'Install the newer version of restante again.',
  corrupt: 'Run `restante verify`, then `restante repair`, or restore a backup.',
  damaged: 'Run `restante repair`, or restore a backup.',
  malformed: 'Check the spelling.',
  not_found: 'Check the spelling.',
  over_quota: 'The home holds no more for this account: delete mail, or ask for a larger quota.',
  rate_limited: 'Wait a little and run the same command again.',
  too_large: 'A message has 2 MiB at most; files go beside it with --attach, up to 64 GiB.',
  unknown_recipient: 'Check the address: its home does not know it.',
  unknown_account: 'Check the address with `restante account list`.',
  bad_invite: 'Ask for a new invitation: `restante invite`.',
  no_permission: 'Run the command as the owner of the file, or choose another folder.',
  stopping: 'Wait until it has stopped, then try again.',
  closed: 'Run the same command again.',
});

const DEFAULT_FIX = 'Run the same command again; with --verbose it says more.';

const SYSTEM_CODES: Readonly<Record<string, readonly [code: string, message: (path: string) => string]>> =
  Object.freeze({
    ENOENT: ['not_found', (path) => `there is no ${path || 'such file'}`],
    EACCES: ['no_permission', (path) => `${path || 'a file'} may not be opened`],
    EPERM: ['no_permission', (path) => `${path || 'this'} is not permitted`],
    EROFS: ['no_permission', (path) => `${path || 'the disk'} is read-only`],
    ENOSPC: ['disk_full', () => 'the disk is full'],
    EDQUOT: ['disk_full', () => 'the disk quota is used up'],
    EADDRINUSE: ['port_in_use', () => 'another program listens there already'],
    EADDRNOTAVAIL: ['bad_host', () => 'this machine has no such address'],
    EISDIR: ['not_a_file', (path) => `${path || 'this'} is a folder`],
    ENOTDIR: ['not_a_folder', (path) => `${path || 'this'} is not a folder`],
    EMFILE: ['too_many_files', () => 'too many files are open'],
    ECONNREFUSED: ['unreachable', () => 'nobody listens there'],
  });

export function describeError(error: unknown): ErrorLine {
  if (error instanceof CodedError) return line(error.code, error.message, error.fix);
  if (error instanceof CommanderError) return describeUsage(error);
  const { code, path } = error as NodeJS.ErrnoException;
  const known = code === undefined ? undefined : SYSTEM_CODES[code];
  if (known !== undefined) return line(known[0], known[1](path ?? ''), undefined);
  const text = error instanceof Error ? error.message : String(error);
  return line('internal', text.split('\n')[0] || 'something unexpected happened', undefined);
}

/** 2 for a wrong command line, else 1. */
export function exitCodeOf(error: unknown): 1 | 2 {
  return error instanceof CommanderError || (error instanceof CodedError && error.code === 'usage') ? 2 : 1;
}

function describeUsage(error: CommanderError): ErrorLine {
  const text = error.message.replace(/^error: /, '').split('\n');
  const [message = 'the command line is wrong', suggestion] = text;
  const asked = suggestion?.match(/\((Did you mean .*)\)/)?.[1];
  return line('usage', message, asked === undefined ? 'See `restante --help`.' : `${asked} See --help.`);
}

function line(code: string, message: string, fix: string | undefined): ErrorLine {
  return { code, message: safeLine(message).replace(/\.$/, ''), fix: sentence(fix ?? FIXES[code] ?? DEFAULT_FIX) };
}

function sentence(text: string): string {
  const line = safeLine(text);
  return `${line.charAt(0).toUpperCase()}${line.slice(1)}${/[.!?]$/.test(line) ? '' : '.'}`;
}
