import { describe, expect, test } from 'vitest';
import { ManualClock } from '../../base/index.ts';
import { parseHomeName } from '../../protocol/index.ts';
import { FederationError } from '../federation-error.ts';
import { Admission } from './admission.ts';

const A = parseHomeName('a.example');
const B = parseHomeName('b.example');
const LIMITS = {
  requestsPerSecond: 10,
  requestBurst: 3,
  requestsInFlight: 2,
  bodyBytesInFlight: 100,
  allBodyBytesInFlight: 150,
};

function setup(limits: Partial<typeof LIMITS> = {}) {
  const clock = new ManualClock(0);
  const admission = new Admission(clock, { ...LIMITS, requestsInFlight: 100, ...limits });
  const refusal = (home = A, bytes = 0): FederationError | undefined => {
    try {
      admission.admit(home, bytes);
      return undefined;
    } catch (error) {
      expect(error).toBeInstanceOf(FederationError);
      return error as FederationError;
    }
  };
  return { admission, clock, refusal };
}

describe('a home', () => {
  test('may ask its burst at once, and then at the average, and is told how long to wait', async () => {
    const { admission, clock, refusal } = setup();
    for (let asked = 0; asked < 3; asked++) admission.admit(A, 0)();
    const told = refusal();
    expect([told?.code, told?.retry, told?.details]).toEqual(['rate_limited', 'later', { retryAfterMs: 100 }]);
    // Another home is unharmed, and so is the refused one after that long.
    admission.admit(B, 0)();
    await clock.advance(100);
    admission.admit(A, 0)();
    expect(refusal()?.code).toBe('rate_limited');
    await clock.advance(10_000);
    for (let asked = 0; asked < 3; asked++) admission.admit(A, 0)();
    expect(refusal()?.code).toBe('rate_limited');
  });

  test('has so many requests under way, and what is let out makes room once', () => {
    const { admission, refusal } = setup({ requestsInFlight: 2, requestBurst: 100 });
    const letOut = admission.admit(A, 0);
    admission.admit(A, 0);
    expect(refusal()?.code).toBe('rate_limited');
    admission.admit(B, 0);
    letOut();
    letOut();
    admission.admit(A, 0);
    expect(refusal()?.code).toBe('rate_limited');
  });

  test('has so many bytes under way, unless one body alone is larger', () => {
    const { admission, refusal } = setup({ requestBurst: 100, allBodyBytesInFlight: 10_000 });
    const letOut = admission.admit(A, 500);
    expect(refusal(A, 1)?.code).toBe('rate_limited');
    letOut();
    admission.admit(A, 60);
    expect(refusal(A, 41)?.code).toBe('rate_limited');
    admission.admit(A, 40);
  });

  test('is told that this home is busy when all together have too many bytes under way', () => {
    const { admission, refusal } = setup({ requestBurst: 100 });
    const letOut = admission.admit(A, 100);
    expect([refusal(B, 51)?.code, refusal(B, 51)?.retry]).toEqual(['unavailable', 'later']);
    admission.admit(B, 50);
    letOut();
    admission.admit(B, 50);
  });
});
