/**
 * Asks a home for its signed chain, at the places that discovery names, until one has it. Since a chain is signed, it does not
 * matter much which; since a first contact has nothing but the name to go by, every place must hold its certificate.
 */
import {
  type Clock,
  type CryptoSuite,
  DialError,
  fromUtf8,
  type HttpAnswer,
  type HttpDialer,
  withDeadline,
} from '../../base/index.ts';
import type { ServiceResolver } from '../../base/system/index.ts';
import {
  encodeCanonicalJson,
  type HomeDocument,
  type HomeName,
  type Json,
  ProtocolError,
  parseHomeDocument,
} from '../../protocol/index.ts';
import { FederationError } from '../federation-error.ts';
import { nodeOrigins, type Place, places, WELL_KNOWN_PATH } from './discovery.ts';
import { fromDial } from './error-table.ts';
import { HomeEvidence, type PlaceAnswer, withVerdict } from './home-evidence.ts';
import {
  DISCOVERY_PLACE_TIMEOUT_MS,
  DISCOVERY_TIMEOUT_MS,
  HOME_ANSWER_BYTES_MAX,
  HOME_ANSWER_PAGES_MAX,
  LINK_URLS_MAX,
} from './limits.ts';

export interface HomeDocumentClientDeps {
  readonly clock: Clock;
  readonly suite: CryptoSuite;
  readonly dialer: HttpDialer;
  readonly services: ServiceResolver;
}

interface Page {
  readonly documents: readonly HomeDocument[];
  readonly more: boolean;
}

export class HomeDocumentClient {
  readonly #deps: HomeDocumentClientDeps;

  constructor(deps: HomeDocumentClientDeps) {
    this.#deps = deps;
  }

  /**
   * Versions after `after`, at least, from where the home's name leads, or from the nodes that its document as it is `known`
   * names, when there is nothing more to be had there: a home outlives the machine that its name points at. Whoever publishes
   * a plain file gives all. Not linked yet. Throws FederationError, with what the search says of the domain (`homeVerdictOf`).
   */
  async fetch(
    home: HomeName,
    after: number,
    known: HomeDocument | undefined,
    signal: AbortSignal,
  ): Promise<readonly HomeDocument[]> {
    const evidence = new HomeEvidence({ hasServices: !home.includes(':'), isKnown: known !== undefined });
    const late = (): Error =>
      new FederationError('timeout', `${home} was not found in ${DISCOVERY_TIMEOUT_MS} ms`, { retry: 'later' });
    try {
      return await withDeadline(this.#deps.clock, DISCOVERY_TIMEOUT_MS, signal, late, (attempt) =>
        this.#discover(home, after, known, evidence, attempt),
      );
    } catch (error) {
      throw error instanceof FederationError ? withVerdict(error, evidence.verdict) : error;
    }
  }

  async #discover(
    home: HomeName,
    after: number,
    known: HomeDocument | undefined,
    evidence: HomeEvidence,
    signal: AbortSignal,
  ): Promise<readonly HomeDocument[]> {
    let failure: FederationError | undefined;
    const services = async (name: string) => {
      try {
        const found = await this.#deps.services.services(name);
        evidence.services(found.length);
        return found;
      } catch (cause) {
        failure ??= new FederationError('unreachable', `DNS does not answer for ${name}`, { retry: 'later', cause });
        return [];
      }
    };
    for await (const place of places(home, services)) {
      signal.throwIfAborted();
      try {
        return await this.#fetchFrom(home, place, after, signal);
      } catch (error) {
        signal.throwIfAborted();
        if (!(error instanceof FederationError)) throw error;
        evidence.place(error.details.place as PlaceAnswer | undefined);
        // The first place is where people put a home, so its failure tells most; only "nothing here" tells less.
        if (failure === undefined || failure.code === 'unknown_home') failure = error;
      }
    }
    for (const origin of known === undefined ? [] : nodeOrigins(known).slice(0, LINK_URLS_MAX)) {
      signal.throwIfAborted();
      const documents = await this.#fetchFrom(home, { origin, name: new URL(origin).host }, after, signal).catch(
        (error: unknown) => {
          if (error instanceof FederationError) return []; // what the home's own place said counts
          throw error;
        },
      );
      // One that lags behind its home shows less than is known, and is not the home's word.
      if ((documents.at(-1)?.version ?? 0) > after) return documents;
    }
    throw failure ?? new FederationError('unknown_home', `nothing is known of ${home}`);
  }

  async #fetchFrom(home: HomeName, place: Place, after: number, signal: AbortSignal): Promise<readonly HomeDocument[]> {
    const documents: HomeDocument[] = [];
    for (let pages = 0; pages < HOME_ANSWER_PAGES_MAX; pages++) {
      const page = this.#read(home, await this.#ask(home, place, documents.at(-1)?.version ?? after, signal));
      documents.push(...page.documents);
      if (!page.more || page.documents.length === 0) return documents;
    }
    throw new FederationError('bad_answer', `${home} publishes more than ${HOME_ANSWER_PAGES_MAX} pages`);
  }

  async #ask(home: HomeName, place: Place, after: number, signal: AbortSignal): Promise<HttpAnswer> {
    try {
      return await this.#deps.dialer.request(
        {
          method: 'GET',
          url: `${place.origin}${WELL_KNOWN_PATH}?after=${after}`,
          headers: { host: place.name, accept: 'application/json' },
          body: undefined,
          answerBytesMax: HOME_ANSWER_BYTES_MAX,
          timeoutMs: DISCOVERY_PLACE_TIMEOUT_MS,
        },
        signal,
      );
    } catch (error) {
      if (error instanceof DialError) throw fromDial(home, error);
      throw error;
    }
  }

  #read(home: HomeName, answer: HttpAnswer): Page {
    if (answer.status !== 200) {
      const redirects = answer.status >= 300 && answer.status < 400 ? ' (redirections are not followed)' : '';
      throw new FederationError(
        answer.status >= 500 ? 'unreachable' : 'unknown_home',
        `${home} publishes no home document: status ${answer.status}${redirects}`,
        { retry: 'later', details: { place: isFaltering(answer) ? 'faltering' : 'other' } },
      );
    }
    let said: PlaceAnswer = 'other';
    try {
      const value = JSON.parse(fromUtf8(answer.body)) as { readonly documents?: unknown; readonly more?: unknown };
      const { documents, more } = value;
      if (!Array.isArray(documents)) throw new ProtocolError('malformed', 'it has no list of documents');
      said = 'document';
      const parse = (document: Json) => parseHomeDocument(this.#deps.suite, encodeCanonicalJson(document));
      return { documents: (documents as readonly Json[]).map(parse), more: more === true };
    } catch (cause) {
      if (!(cause instanceof ProtocolError) && !(cause instanceof SyntaxError) && !(cause instanceof TypeError))
        throw cause;
      throw new FederationError('bad_answer', `what ${home} publishes is no home document: ${cause.message}`, {
        retry: 'later',
        cause,
        details: { place: said },
      });
    }
  }
}

/** A web server whose home, or whatever is behind it, is away; or that has too much to do. */
function isFaltering({ status }: HttpAnswer): boolean {
  return status >= 500 || status === 429;
}
