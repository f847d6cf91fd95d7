/**
 * The OpenPGP key of somebody whose domain is no home: found in its web key directory (WKD). It is only shown. Nothing is
 * encrypted to it: no log names it, so that nobody would see if it were swapped.
 */
import type { HttpDialer } from '../base/index.ts';
import { FederationError, locateCertificate } from '../federation/index.ts';
import { type Address, homeOf } from '../protocol/index.ts';
import { type Certificate, parseCertificate } from '../vault/public.ts';
import { CliError } from './cli-error.ts';

/** Undefined: the domain has no directory, or no key of this address. Throws VaultError and CliError `wrong_key`. */
export async function findOrdinaryKey(
  dialer: HttpDialer,
  address: Address,
  signal: AbortSignal,
): Promise<Certificate | undefined> {
  let bytes: Uint8Array | undefined;
  try {
    bytes = await locateCertificate(dialer, address, signal);
  } catch (error) {
    signal.throwIfAborted();
    // Whoever asked has been told already that the domain is no home; that it has no directory either adds nothing.
    if (error instanceof FederationError) return undefined;
    throw error;
  }
  if (bytes === undefined) return undefined;
  const certificate = await parseCertificate(bytes);
  if (!certificate.addresses.includes(address))
    throw new CliError('wrong_key', `the directory of ${homeOf(address)} shows a key that is not of ${address}`, {
      details: { fingerprint: certificate.fingerprint, addresses: certificate.addresses },
      fix: 'Ask its owner for the key.',
    });
  return certificate;
}
