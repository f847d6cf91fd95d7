import { CommanderError } from 'commander';
import { describe, expect, test } from 'vitest';
import { CodedError } from '../base/index.ts';
import { describeError, exitCodeOf } from './error-line.ts';

describe('an error', () => {
  test('of a subsystem is its code, its message and its fix as sentences', () => {
    const error = new CodedError('bad_address', 'not an address: "x"', { fix: 'give a ws:// URL' });
    expect(describeError(error)).toEqual({
      code: 'bad_address',
      message: 'not an address: "x"',
      fix: 'Give a ws:// URL.',
    });
    expect(exitCodeOf(error)).toBe(1);
  });

  test('without a fix of its own gets one by its code', () => {
    expect(describeError(new CodedError('wrong_password', 'the password is wrong.'))).toMatchObject({
      message: 'the password is wrong',
      fix: expect.stringContaining('account recover'),
    });
    expect(describeError(new CodedError('never_seen', 'x')).fix).not.toBe('');
  });

  test('of the system says what and where, without its number', () => {
    const error = Object.assign(new Error('ENOENT: no such file'), { code: 'ENOENT', path: '/x/y' });
    expect(describeError(error)).toMatchObject({ code: 'not_found', message: 'there is no /x/y' });
  });

  test('that nobody expected is one line without a stack', () => {
    const line = describeError(new TypeError('a is not a function\n    at b (c.ts:1:2)'));
    expect(line).toMatchObject({ code: 'internal', message: 'a is not a function' });
    expect(JSON.stringify(line)).not.toContain('c.ts');
  });

  test('of the command line is usage, and exits 2', () => {
    const error = new CommanderError(
      1,
      'commander.unknownCommand',
      "error: unknown command 'lst'\n(Did you mean list?)",
    );
    expect(describeError(error)).toEqual({
      code: 'usage',
      message: "unknown command 'lst'",
      fix: 'Did you mean list? See --help.',
    });
    expect(exitCodeOf(error)).toBe(2);
  });

  test('quoting a stranger cannot draw on the terminal', () => {
    expect(describeError(new CodedError('refused', 'node said \u001b[2J\nhello')).message).toBe('node said [2J hello');
  });
});
