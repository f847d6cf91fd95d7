/** Completion in the shells themselves, and the manual page as `man` shows it. */
import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { promisify } from 'node:util';
import { describe, expect, test } from 'vitest';
import { everyCommand, grammarOf } from '../../src/cli/grammar/grammar.ts';
import { manPage } from '../../src/cli/grammar/man-page.ts';
import { createProgram } from '../../src/cli/program.ts';
import { skipWithout } from '../harness/requirement.ts';
import { completions, hasProgram, type ShellName } from '../harness/shell.ts';
import { Sandbox } from './command-line.ts';

const streams = { stdin: new PassThrough(), stdout: new PassThrough(), stderr: new PassThrough(), environment: {} };
const grammar = grammarOf(createProgram(() => () => Promise.resolve(), streams));
const commands = everyCommand(grammar);

const TYPED: Readonly<Record<string, readonly string[]>> = {
  'restante ac': ['account'],
  'restante key ': ['export', 'rotate', 'show', 'verify'],
  'restante export --format ': ['eml', 'maildir', 'mbox'],
  'restante export --format m': ['maildir', 'mbox'],
  'restante --json mail account add --sm': ['--smtp'],
  // What an option takes is no command, though it may be called like one.
  'restante send --subject account --re': ['--reply'],
  'restante --json --verbose key --he': ['--help'],
  // Of the command that stands for `hub`.
  'restante hub --idl': ['--idle'],
  'restante completion ': ['bash', 'fish', 'zsh'],
};

describe.each<ShellName>(['bash', 'zsh', 'fish'])('in %s', (shell) => {
  const skipped = skipWithout(hasProgram(shell), { test: `completion in ${shell}`, lack: `there is no ${shell}` });
  // A shell is a program of the machine, which skipWithout tells when it is missing; with CI=true that is a failure.
  const testIn = test.skipIf(skipped);

  async function setup() {
    const folder = await mkdtemp(join(tmpdir(), 'restante-completion-'));
    await mkdir(join(folder, 'a-folder'));
    await writeFile(join(folder, 'a-file'), '');
    const sandbox = await Sandbox.open();
    const { code, stdout: script } = await sandbox.run(['completion', shell]);
    expect(code).toBe(0);
    return {
      offered: async (lines: readonly string[]) => {
        const words = await completions(shell, { folder, lines, script });
        return words.map((each) => each.map((word) => word.replace(/\/$/, '')).sort());
      },
      [Symbol.asyncDispose]: async () => {
        await sandbox[Symbol.asyncDispose]();
        await rm(folder, { recursive: true, force: true });
      },
    };
  }

  testIn('what may follow is offered', async () => {
    await using completion = await setup();
    const offered = await completion.offered(Object.keys(TYPED));
    expect(Object.fromEntries(Object.keys(TYPED).map((line, index) => [line, offered[index]]))).toEqual(TYPED);
  });

  testIn('files are offered for a file, folders for a folder, neither for other values', async () => {
    await using completion = await setup();
    const lines = ['restante up --tls-cert a-', 'restante up --data a-', 'restante up --home a-', 'restante import a-'];
    const both = ['a-file', 'a-folder'];
    expect(await completion.offered(lines)).toEqual([both, ['a-folder'], [], both]);
  });

  testIn('every command and every option is offered where it can be typed', async () => {
    await using completion = await setup();
    const inner = commands.filter((word) => word.commands.length > 0);
    const [words, options] = [
      await completion.offered(inner.map(({ path }) => `${path} `)),
      await completion.offered(commands.map(({ path }) => `${path} --`)),
    ];
    expect(words).toEqual(inner.map((word) => word.commands.map(({ name }) => name).sort()));
    expect(options).toEqual(commands.map((word) => word.options.map(({ name }) => name).sort()));
    expect(options.flat().length).toBeGreaterThan(400);
  });
});

describe('the manual page', () => {
  const hasMan = hasProgram('man') && hasProgram('groff');
  const skipped = skipWithout(hasMan, { test: 'the manual page', lack: 'there is no man' });

  // `man` is a program of the machine, which skipWithout tells when it is missing; with CI=true that is a failure.
  test.skipIf(skipped)(
    'shows every command with its options and an example, and troubles groff with nothing',
    async () => {
      const folder = await mkdtemp(join(tmpdir(), 'restante-man-'));
      try {
        const page = join(folder, 'restante.1');
        await writeFile(page, manPage(grammar, '1.2.3'));
        const env = { ...process.env, MANWIDTH: '200', LC_ALL: 'C.UTF-8', MAN_KEEP_FORMATTING: '' };
        const { stderr, stdout } = await promisify(execFile)('man', ['--warnings', '-P', 'cat', '-l', page], { env });
        expect(stderr).toBe('');
        for (const { commands: below, examples, ownOptions, path } of commands.filter((each) => each !== grammar)) {
          if (below.length > 0) continue;
          expect(stdout).toMatch(new RegExp(`^ {3}${path}( |$)`, 'm'));
          for (const line of [...ownOptions.map(({ flags }) => flags), ...examples]) expect(stdout).toContain(line);
        }
      } finally {
        await rm(folder, { recursive: true, force: true });
      }
    },
  );
});
