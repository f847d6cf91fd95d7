/**
 * Judging what a node, or another home, shows of a home's chain. Pure. Asked for from one version before the newest known,
 * so that who shows less, or another past, gives itself away.
 */
import type { CryptoSuite } from '../base/index.ts';
import { checkHomeLink, type HomeDocument, parseHomeDocument } from './home-document.ts';
import type { HomeName } from './ids.ts';
import { ProtocolError } from './protocol-error.ts';

export type HomeAlarm = 'home_rolled_back' | 'home_forked' | 'bad_home_chain';

export type HomeChainVerdict =
  /** From version 1 on. */
  | { readonly status: 'links'; readonly chain: readonly HomeDocument[] }
  | { readonly status: 'refused'; readonly code: HomeAlarm; readonly why: string };

/** What `documents`, asked for from one version before the newest known, say of the chain. */
export function judgeHome(
  suite: CryptoSuite,
  home: HomeName,
  known: readonly HomeDocument[],
  documents: readonly Uint8Array[],
): HomeChainVerdict {
  const pinned = known.at(-1);
  const chain = [...known];
  try {
    for (const [i, bytes] of documents.entries()) {
      const next = parseHomeDocument(suite, bytes);
      if (next.home !== home) return refuse('bad_home_chain', `the document is of the home ${next.home}`);
      if (i === 0 && pinned !== undefined) {
        if (next.version === pinned.version && next.signed.hash === pinned.signed.hash) continue;
        if (next.version === pinned.version)
          return refuse('home_forked', `version ${next.version} is another one than was seen before`);
      }
      checkHomeLink(chain.at(-1), next);
      chain.push(next);
    }
  } catch (error) {
    if (error instanceof ProtocolError) return refuse('bad_home_chain', error.message);
    throw error;
  }
  if (documents.length === 0)
    return pinned === undefined
      ? refuse('bad_home_chain', 'the node shows no home document')
      : refuse('home_rolled_back', `version ${pinned.version} was seen before, the node does not have it`);
  return { status: 'links', chain };
}

function refuse(code: HomeAlarm, why: string): HomeChainVerdict {
  return { status: 'refused', code, why };
}
