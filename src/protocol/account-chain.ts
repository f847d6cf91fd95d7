/**
 * Judging what a node, or another home, shows of an account's chain. Pure. Asked for from one version before the newest known, so that a node
 * that shows less, or another past, gives itself away.
 */
import type { CryptoSuite } from '../base/index.ts';
import { type AccountDocument, checkAccountLink, isCountersigned, parseAccountDocument } from './account-document.ts';
import type { Address } from './ids.ts';
import { ProtocolError } from './protocol-error.ts';

export type ChainAlarm = 'chain_rolled_back' | 'chain_forked' | 'bad_chain';

export type ChainVerdict =
  /** From version 1 on. */
  | { readonly status: 'links'; readonly chain: readonly AccountDocument[] }
  | { readonly status: 'unknown' }
  | { readonly status: 'refused'; readonly code: ChainAlarm; readonly why: string };

export interface ChainQuestion {
  readonly address: Address;
  /** What is known, from version 1 on. */
  readonly known: readonly AccountDocument[];
  /** What the node answered: versions from that of the newest known on; all when nothing is known. */
  readonly documents: readonly Uint8Array[];
  /** The keys by which the account's home signed, ever. */
  readonly homeKeys: readonly Uint8Array[];
}

export function judgeChain(suite: CryptoSuite, question: ChainQuestion): ChainVerdict {
  const { address, known, documents, homeKeys } = question;
  const pinned = known.at(-1);
  if (documents.length === 0)
    return pinned === undefined
      ? { status: 'unknown' }
      : refuse(
          'chain_rolled_back',
          `version ${pinned.version} of ${address} was seen before, the node does not have it`,
        );
  const chain = [...known];
  try {
    for (const [i, bytes] of documents.entries()) {
      const next = parseAccountDocument(suite, bytes);
      if (next.address !== address) return refuse('bad_chain', `the document is of ${next.address}`);
      if (i === 0 && pinned !== undefined && next.version === pinned.version) {
        if (next.signed.hash !== pinned.signed.hash)
          return refuse('chain_forked', `version ${next.version} of ${address} is another one than was seen before`);
        continue;
      }
      checkAccountLink(chain.at(-1), next);
      if (next.version === 1 && !homeKeys.some((key) => isCountersigned(next, key)))
        return refuse('bad_chain', `version 1 of ${address} is not countersigned by its home`);
      chain.push(next);
    }
  } catch (error) {
    if (error instanceof ProtocolError) return refuse('bad_chain', error.message);
    throw error;
  }
  return { status: 'links', chain };
}

function refuse(code: ChainAlarm, why: string): ChainVerdict {
  return { status: 'refused', code, why };
}
