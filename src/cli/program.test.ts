import { PassThrough } from 'node:stream';
import type { Command } from 'commander';
import { describe, expect, test } from 'vitest';
import { createProgram } from './program.ts';

/** Every command that does something, by its whole name. */
function leavesOf(command: Command, path: readonly string[] = []): [name: string, command: Command][] {
  if (command.commands.length === 0) return [[path.join(' '), command]];
  return command.commands.flatMap((child) => leavesOf(child, [...path, child.name()]));
}

const streams = { stdin: new PassThrough(), stdout: new PassThrough(), stderr: new PassThrough(), environment: {} };
const program = createProgram(() => () => Promise.resolve(), streams);
const leaves = new Map(leavesOf(program));

/** The contract that scripts rely on: commands and their options. */
const CONTRACT: Readonly<Record<string, string>> = {
  up: '--data --home --host --port --public-url --tls-cert --tls-key --registration',
  node: '--data --home --host --port --public-url --tls-cert --tls-key --registration',
  invite: '--data',
  'account list': '--data',
  'account remove': '--data',
  'account quota': '--data',
  'account retention': '--data',
  'account ban': '--data',
  status: '--data',
  backup: '--data',
  restore: '--data',
  verify: '--data --account',
  repair: '--data --account',
  'account new': '--profile --node --invite',
  'account add': '--profile --node',
  'account password': '--profile',
  'account recover': '--profile',
  'account delete': '--profile',
  unlock: '--profile',
  lock: '--profile',
  send: '--profile --to --cc --bcc --subject --attach --conversation --despite-gaps --body',
  import: '--profile --to',
  sync: '--profile --watch',
  report: '--profile',
  list: '--profile --limit --since --unread --conversation',
  read: '--profile --raw',
  mark: '--profile --read --unread --flag --label --delete',
  block: '--profile',
  unblock: '--profile',
  search: '--profile',
  export: '--profile --format',
  'nodes list': '--profile',
  'nodes ping': '--profile',
  'nodes pin': '--profile',
  'nodes unpin': '--profile',
  'nodes add': '--profile --key',
  'nodes remove': '--profile',
  'nodes fleet': '--profile',
  'conversation show': '--profile',
  'conversation add': '--profile --role --invite',
  'conversation remove': '--profile',
  'conversation leave': '--profile',
  'conversation join': '--profile',
  'conversation open': '--profile --as',
  'conversation close': '--profile',
  'key show': '--profile',
  'key verify': '--profile',
  'key rotate': '--profile',
  'key export': '--profile',
  'device list': '--profile',
  'device revoke': '--profile',
  doctor: '--profile',
};

/** What a command does when none of its own is named: people leave the second word out. */
const DEFAULTS: ReadonlySet<string> = new Set(['nodes list', 'hub run']);

describe('the command line', () => {
  test.each(Object.entries(CONTRACT))('has %s with its options', (name, options) => {
    const command = leaves.get(name);
    expect(command?.options.map(({ long }) => long)).toEqual(expect.arrayContaining(options.split(' ')));
  });

  test('takes --json and --password-stdin everywhere', () => {
    expect(program.options.map(({ long }) => long)).toEqual(expect.arrayContaining(['--json', '--password-stdin']));
  });

  test.each([...leaves])('explains %s with an example of it', (name, command) => {
    let help = '';
    command.configureOutput({ writeOut: (text) => (help += text) });
    command.outputHelp();
    const word = DEFAULTS.has(name) ? name.split(' ')[0] : name;
    expect(help).toMatch(new RegExp(`\\nExample:\\n(.*\\n)*.*restante ${word}\\b`));
    expect(command.description()).toMatch(/\.$/);
  });

  test('takes one label an option, so that ids may stand after it', async () => {
    const taken: unknown[] = [];
    const act = () => (ids: unknown, options: unknown) => {
      taken.push(ids, options);
      return Promise.resolve();
    };
    const args = ['mark', '--label', 'work', 'abcdef', '--label', 'home'];
    await createProgram(act as never, streams).parseAsync(args, { from: 'user' });
    expect(taken).toEqual([['abcdef'], { label: ['work', 'home'] }]);
  });
});
