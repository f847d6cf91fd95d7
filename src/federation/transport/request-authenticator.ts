/**
 * Who sends a request, judged by its first lines alone. A key that the origin's home document does not name makes us ask for
 * that document again, once a minute at most; a key that it no longer names is refused.
 */
import type { CryptoSuite } from '../../base/index.ts';
import type { HomeDocument, HomeName } from '../../protocol/index.ts';
import { FederationError } from '../federation-error.ts';
import type { HomeDirectory } from '../ports.ts';
import { isRequestSignature, parseAuthorization, type RequestClaim, type SignedRequest } from './request-signature.ts';

export interface RequestAuthenticatorDeps {
  readonly suite: CryptoSuite;
  readonly directory: HomeDirectory;
}

export interface RequestLine {
  readonly method: string;
  readonly uri: string;
  readonly authorization: string | undefined;
}

export interface AuthenticRequest {
  readonly origin: HomeName;
  /** What the body must hash to; undefined: there is none. */
  readonly content: string | undefined;
}

type Verdict = 'right' | 'wrong' | 'unknown';

export class RequestAuthenticator {
  readonly #deps: RequestAuthenticatorDeps;
  readonly #options: { readonly home: HomeName };

  /** A home without a name of its own is named after the port that it gets: the name is asked for with each request. */
  constructor(deps: RequestAuthenticatorDeps, options: { readonly home: HomeName }) {
    this.#deps = deps;
    this.#options = options;
  }

  /** Throws FederationError. */
  async authenticate(line: RequestLine, signal: AbortSignal): Promise<AuthenticRequest> {
    const claim = parseAuthorization(line.authorization);
    const { origin, destination, content } = claim;
    const { home } = this.#options;
    if (destination !== home)
      throw new FederationError('wrong_destination', `the request is for ${destination}, and this is ${home}`);
    if (origin === home) throw new FederationError('refused', 'a home has no business with itself here');
    const request: SignedRequest = { method: line.method, uri: line.uri, origin, destination, content };
    const { directory } = this.#deps;
    if (this.#judge(request, claim, await directory.find(origin, signal)) === 'right') return { origin, content };
    const verdict = this.#judge(request, claim, await directory.refresh(origin, signal));
    if (verdict === 'right') return { origin, content };
    const chain = await directory.chain(origin, signal);
    if (chain.some((version) => this.#judge(request, claim, version) === 'right'))
      throw new FederationError('rotated_key', `${origin} no longer names the key of ${claim.node} that signed`, {
        fix: 'Sign with the key that the home document names now.',
      });
    if (verdict === 'unknown')
      throw new FederationError('unknown_key', `the home document of ${origin} names no node ${claim.node}`, {
        fix: 'Publish the home document before the node sends.',
      });
    throw new FederationError('bad_signature', 'the signature of the request is wrong');
  }

  #judge(request: SignedRequest, claim: RequestClaim, home: HomeDocument): Verdict {
    const node = home.nodes.find((entry) => entry.name === claim.node);
    if (node === undefined) return 'unknown';
    return isRequestSignature(this.#deps.suite, request, claim.signature, node.key) ? 'right' : 'wrong';
  }
}
