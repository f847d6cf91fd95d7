/**
 * What a home's published chain adds to what we have pinned. It may only grow: who shows another version where one is pinned
 * forks its chain, who shows fewer rolls it back, and both are refused whatever signatures they carry. Pure.
 */
import { checkHomeLink, type HomeDocument, type HomeName, ProtocolError } from '../../protocol/index.ts';
import { FederationError } from '../federation-error.ts';
import { HOME_VERSIONS_MAX } from './limits.ts';

/** The versions after the pinned ones. `offered` is consecutive from some pinned version, or from the first. */
export function extendChain(
  home: HomeName,
  pinned: readonly HomeDocument[],
  offered: readonly HomeDocument[],
): readonly HomeDocument[] {
  const added: HomeDocument[] = [];
  for (const [at, next] of offered.entries()) {
    if (next.home !== home) throw new FederationError('bad_answer', `${home} publishes a document of ${next.home}`);
    const before = at === 0 ? Math.min(next.version - 1, pinned.length) : (offered[at - 1]?.version ?? 0);
    if (next.version !== before + 1)
      throw new FederationError('bad_answer', `${home} publishes versions out of order, or leaves some out`);
    const known = pinned[next.version - 1];
    if (known === undefined) link(home, added.at(-1) ?? pinned.at(-1), next, pinned.length > 0);
    if (known === undefined) added.push(next);
    else if (known.signed.hash !== next.signed.hash)
      throw forked(home, `version ${next.version} is another one than it showed before`);
  }
  const last = offered.at(-1)?.version ?? 0;
  if (last < pinned.length)
    throw new FederationError('home_rolled_back', `${home} shows ${last} versions and has shown ${pinned.length}`, {
      retry: 'later',
      fix: `Ask the operator of ${home}; if its history is lost for good, forget the home.`,
      details: { pinned: pinned.length, shown: last },
    });
  if (pinned.length + added.length > HOME_VERSIONS_MAX)
    throw new FederationError('bad_answer', `${home} has more than ${HOME_VERSIONS_MAX} versions`);
  return added;
}

function link(home: HomeName, current: HomeDocument | undefined, next: HomeDocument, isPinned: boolean): void {
  try {
    checkHomeLink(current, next);
  } catch (cause) {
    if (!(cause instanceof ProtocolError)) throw cause;
    if (isPinned) throw forked(home, cause.message, cause);
    throw new FederationError('bad_answer', `${home} publishes a chain that does not link: ${cause.message}`, {
      cause,
    });
  }
}

function forked(home: HomeName, why: string, cause?: unknown): FederationError {
  return new FederationError('home_forked', `${home} does not continue the chain it showed before: ${why}`, {
    retry: 'later',
    fix: `Ask the operator of ${home}; somebody else may answer in its name.`,
    cause,
  });
}
