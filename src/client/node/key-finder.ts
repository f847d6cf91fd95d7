/**
 * The OpenPGP keys of people whom no home has, as their domains publish them (WKD). No log names them, so that nobody would see if
 * one were swapped: mail that is encrypted to one is safe from whoever only listens, and that is all that is said of it.
 */
import type { Clock, HttpDialer, Log } from '../../base/index.ts';
import { SystemResolver, UndiciDialer } from '../../base/system/index.ts';
import { locateCertificate } from '../../federation/index.ts';
import type { Address } from '../../protocol/index.ts';
import { type Certificate, parseCertificate } from '../../vault/index.ts';

/** Undefined: none is published that mail can be encrypted to. */
export type KeyFinder = (address: Address, signal: AbortSignal | undefined) => Promise<Certificate | undefined>;

export interface KeyFinderDeps {
  readonly clock: Clock;
  readonly log: Log;
  /** Opened for each look; default: to public addresses, or where `allowPrivate` says so to any. */
  readonly openDialer?: () => HttpDialer & AsyncDisposable;
}

const NEVER: AbortSignal = new AbortController().signal;

export function createKeyFinder(deps: KeyFinderDeps, options: { readonly allowPrivate: boolean }): KeyFinder {
  const { clock, log } = deps;
  const openSystem = () => new UndiciDialer({ clock, resolver: new SystemResolver() }, options);
  const { openDialer = openSystem } = deps;
  return async (address, signal = NEVER) => {
    await using dialer = openDialer();
    try {
      const bytes = await locateCertificate(dialer, address, signal);
      const certificate = bytes === undefined ? undefined : await parseCertificate(bytes);
      const isTheirs = certificate?.addresses.includes(address) === true && certificate.encryptionKey !== undefined;
      const isOver = certificate?.expiresAt !== undefined && certificate.expiresAt <= clock.now();
      return isTheirs && !isOver ? certificate : undefined;
    } catch (error) {
      signal.throwIfAborted();
      // A domain without a directory is most of them; a key that does not read is none.
      log.debug({ error, address }, 'no key is published of an address');
      return undefined;
    }
  };
}
