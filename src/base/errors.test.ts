import { describe, expect, test } from 'vitest';
import { CodedError, invariant, isAbort } from './errors.ts';

class DoorError extends CodedError<'locked' | 'missing'> {}

describe('a coded error', () => {
  test('carries its code, cause, advice, details, and its own name', () => {
    const cause = new Error('key turned wrong');
    const error = new DoorError('locked', 'the door is locked', {
      cause,
      fix: 'Turn the key.',
      retry: 'later',
      details: { door: 3 },
    });
    expect(error).toBeInstanceOf(Error);
    expect(error).toMatchObject({
      name: 'DoorError',
      code: 'locked',
      message: 'the door is locked',
      fix: 'Turn the key.',
      retry: 'later',
      details: { door: 3 },
    });
    expect(error.cause).toBe(cause);
  });

  test('says never again, no advice, no details and no cause unless told', () => {
    const error = new DoorError('missing', 'no door');
    expect(error).toMatchObject({ retry: 'never', fix: undefined, details: {} });
    expect('cause' in error).toBe(false);
  });
});

describe('an invariant', () => {
  test('stops the program where it is wrong about itself', () => {
    expect(() => invariant(1 + 1 === 2, 'arithmetic holds')).not.toThrow();
    expect(() => invariant(false, 'arithmetic holds')).toThrow('invariant broken: arithmetic holds');
  });
});

describe('an abort', () => {
  test('is told from a failure by the signal', () => {
    const reason = new Error('closing');
    const signal = AbortSignal.abort(reason);
    expect(isAbort(reason, signal)).toBe(true);
    expect(isAbort(new DOMException('', 'AbortError'), signal)).toBe(true);
    expect(isAbort(new Error('disk full'), signal)).toBe(false);
    expect(isAbort(new DOMException('', 'AbortError'), undefined)).toBe(false);
    expect(isAbort(reason, new AbortController().signal)).toBe(false);
    expect(isAbort(null, signal)).toBe(false);
  });
});
