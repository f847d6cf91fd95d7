/**
 * Failed logins cost: for the person they are said to be, and for where they come from, a few at once and then one now and
 * then. What costs is failing, so whoever knows a credential pays nothing; while an account is under attack its sessions and
 * app passwords go on, and so does a password that was good a moment ago. The hosts of IPv6 are counted by their /64.
 */
import { LRUCache } from 'lru-cache';
import type { Clock } from '../../base/index.ts';
import { HubError } from '../hub-error.ts';
import {
  REMOTE_FAILURE_INTERVAL_MS,
  REMOTE_FAILURES_BURST,
  THROTTLED_MAX,
  USER_FAILURE_INTERVAL_MS,
  USER_FAILURES_BURST,
} from './limits.ts';

interface Account {
  /** Failures that still count, at `at`. */
  failures: number;
  at: number;
}

export class Throttle {
  readonly #clock: Clock;
  readonly #accounts = new LRUCache<string, Account>({ max: THROTTLED_MAX });

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /**
   * Counts a try as failed before it is made, so that many at once do not slip through; `succeeded` gives it back. Throws
   * HubError `throttled`, the same for somebody who exists and somebody who does not.
   */
  begin(user: string | undefined, remote: string): { readonly succeeded: () => void } {
    const accounts = [
      { ...REMOTE, account: this.#of(`remote ${networkOf(remote)}`, REMOTE.intervalMs) },
      ...(user === undefined ? [] : [{ ...USER, account: this.#of(`user ${user}`, USER.intervalMs) }]),
    ];
    const waits = accounts.map(({ account, burst, intervalMs }) => (account.failures + 1 - burst) * intervalMs);
    const waitMs = Math.max(0, ...waits);
    if (waitMs > 0)
      throw new HubError('throttled', `too many failed logins; come again in ${Math.ceil(waitMs / 1_000)} s`, {
        retry: 'later',
        details: { waitMs },
      });
    for (const { account } of accounts) account.failures += 1;
    return {
      succeeded: () => {
        for (const { account } of accounts) account.failures = Math.max(0, account.failures - 1);
      },
    };
  }

  #of(key: string, intervalMs: number): Account {
    const now = this.#clock.monotonic();
    const account = this.#accounts.get(key) ?? { failures: 0, at: now };
    account.failures = Math.max(0, account.failures - (now - account.at) / intervalMs);
    account.at = now;
    this.#accounts.set(key, account);
    return account;
  }
}

const USER = { burst: USER_FAILURES_BURST, intervalMs: USER_FAILURE_INTERVAL_MS } as const;
const REMOTE = { burst: REMOTE_FAILURES_BURST, intervalMs: REMOTE_FAILURE_INTERVAL_MS } as const;

function networkOf(remote: string): string {
  if (!remote.includes(':') || remote.startsWith('::ffff:')) return remote;
  const [head = '', tail = ''] = remote.split('::');
  const groups = head.split(':').filter((group) => group !== '');
  const last = tail.split(':').filter((group) => group !== '');
  const zeros = remote.includes('::') ? Math.max(0, 8 - groups.length - last.length) : 0;
  return [...groups, ...Array<string>(zeros).fill('0'), ...last].slice(0, 4).join(':');
}
