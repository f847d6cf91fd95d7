/** Options that several commands share, the parsers of their values, and the examples in the help. */
import { isIP } from 'node:net';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { type Address, type HomeName, parseAddress, parseHomeName } from '../protocol/index.ts';
import type { ProfileOptions } from './profile-choice.ts';
import { parseBytes } from './terminal/figures.ts';

export interface ServerOptions {
  readonly data?: string;
}

export interface PersonOptions extends ProfileOptions {
  readonly verbose?: boolean;
}

export const SERVER = 'Server:';
export const PERSON = 'Mail:';
export const DEVICE = 'Account and device:';

/** `--data`, for commands on a home. */
export function forServer(command: Command): Command {
  return command.helpGroup(SERVER).addOption(dataOption());
}

/** `--database`, for commands that make a node, or run one. */
export function databaseOption(): Option {
  return new Option(
    '--database <url>',
    'PostgreSQL that keeps the rows of a new node, or has moved: postgres://user:password@host/name; host,host with a standby',
  )
    .env('RESTANTE_DATABASE')
    .argParser(databaseArgument);
}

/** Throws InvalidArgumentError. */
export function databaseArgument(text: string): string {
  // Hosts after the first, as libpq has them, are the store's to judge: it is not loaded for every command.
  const first = text.replace(/,[^/?#]*/, '');
  if (!URL.canParse(first) || !/^postgres(ql)?:$/.test(new URL(first).protocol))
    throw new InvalidArgumentError('Write it like postgres://user:password@db.example/restante.');
  return text;
}

/** An IP address, perhaps with a port. Throws InvalidArgumentError. */
export function dnsServerOption(text: string): string {
  const [, address = text] = /^\[(.*)\](?::\d+)?$/.exec(text) ?? /^([\d.]+):\d+$/.exec(text) ?? [];
  if (isIP(address) === 0) throw new InvalidArgumentError('Write it like 192.0.2.53, or 127.0.0.1:5353.');
  return text;
}

export function dataOption(): Option {
  return new Option('--data <dir>', "the server's folder (default: in the platform's data folder)");
}

/** `--profile` and `--address`, for commands of a person. */
export function forPerson(command: Command, group = PERSON): Command {
  return command
    .helpGroup(group)
    .option('--address <address>', 'whose mail, where this device has several people (the local part is enough)')
    .option('--profile <dir>', "the person's folder (default: one for each address in the platform's data folder)");
}

/** What the help shows at its end, one line each, as one would type it. */
export function withExamples(command: Command, ...lines: readonly string[]): Command {
  return command.addHelpText('after', `\nExample:\n${lines.map((line) => `  ${line}`).join('\n')}`);
}

export function addressArgument(text: string): Address {
  return judged(text, parseAddress, 'an address is like alice@home.example');
}

/** `alice@home.example,bob@home.example`; may stand several times. */
export function addressListOption(text: string, before: readonly Address[] = []): readonly Address[] {
  const parts = text.split(',').filter((part) => part.trim() !== '');
  return [...before, ...parts.map((part) => addressArgument(part.trim()))];
}

/** Not `<names...>`, which would take the arguments after it for names. */
export function namesOption(text: string, before: readonly string[] = []): readonly string[] {
  return [...before, text];
}

export function homeOption(text: string): HomeName {
  return judged(text, parseHomeName, 'a home is a domain like home.example, or localhost:7896');
}

export function portOption(text: string): number {
  const port = Number(text);
  if (!/^\d{1,5}$/.test(text) || port > 65_535) throw new InvalidArgumentError('A port is a number from 0 to 65535.');
  return port;
}

export function bytesArgument(text: string): number {
  const bytes = parseBytes(text);
  if (bytes === undefined) throw new InvalidArgumentError('A size is like 500MB, 20G or a number of bytes.');
  return bytes;
}

/** `acceptBurst=500`; may stand several times. Which limits there are is the node's to say. */
export function limitOption(text: string, before: Readonly<Record<string, number>> = {}): Record<string, number> {
  const [, name, value] = /^([a-z]+)=(\d+(?:\.\d+)?)$/i.exec(text) ?? [];
  if (name === undefined) throw new InvalidArgumentError('A limit is like acceptBurst=500.');
  return { ...before, [name]: Number(value) };
}

export function countOption(text: string): number {
  const count = Number(text);
  if (!/^\d+$/.test(text) || !Number.isSafeInteger(count)) throw new InvalidArgumentError('It is a whole number.');
  return count;
}

/** Milliseconds since 1970 of a date (of the reader's zone) or of a time. */
export function timeOption(text: string): number {
  // JavaScript takes a bare date for UTC; a person means the day where they are.
  const time = Date.parse(/^\d{4}-\d{2}-\d{2}$/.test(text) ? `${text}T00:00:00` : text);
  if (Number.isNaN(time)) throw new InvalidArgumentError('A date is like 2026-03-09 or 2026-03-09T14:00.');
  return time;
}

function judged<Value>(text: string, parse: (text: string) => Value, hint: string): Value {
  try {
    return parse(text);
  } catch {
    throw new InvalidArgumentError(`${hint[0]?.toUpperCase()}${hint.slice(1)}.`);
  }
}

/** The name of a machine. Throws InvalidArgumentError. */
export function hostOption(text: string): string {
  const host = text.toLowerCase().replace(/\.$/, '');
  try {
    if (isIP(host) === 0 && !host.includes(':')) return parseHomeName(host);
  } catch {
    // the parser's refusal ends as the one below
  }
  throw new InvalidArgumentError('Give the name of a machine, such as mail.home.example.');
}
