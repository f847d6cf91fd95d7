/**
 * What the operator's page asks, over HTTP: figures of the home and of this hub, and the few acts that a person at a screen
 * needs. Its login is a token of its own, new at every start and readable by the operator's account on this machine only; it
 * is served on loopback, and elsewhere only if the operator says so. Nothing here leads to anybody's mail.
 */
import { createHash, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { z } from 'zod';
import type { SecureRandom } from '../../base/index.ts';
import { isAddress, parseAddress } from '../../protocol/index.ts';
import { HubError } from '../hub-error.ts';
import type { Operator } from './operator.ts';
import { readJson } from './slot-door.ts';
import type { Throttle } from './throttle.ts';

/** What the node of this home lets its operator see and do: values of JSON. */
export interface HomeOperator {
  status(): Promise<object>;
  accounts(): Promise<readonly object[]>;
  fleetStatus(): Promise<object>;
  federationStatus(home: string | undefined): Promise<readonly object[]>;
  federationRetry(home: string | undefined): Promise<readonly object[]>;
  invite(): Promise<string>;
  setQuota(address: string, bytes: number | undefined): Promise<object>;
  setBanned(address: string, isBanned: boolean): Promise<object>;
  /** Why it is not ready, one sentence each. */
  health(): Promise<readonly string[]>;
  /** In Prometheus' words. */
  metrics(): Promise<string>;
}

export interface OperatorPageDeps {
  readonly operator: Operator;
  readonly metrics: () => Promise<string>;
  readonly health: () => readonly string[];
  /** Undefined: this hub runs without a node beside it. */
  readonly home: HomeOperator | undefined;
  readonly throttle: Throttle;
}

const PATH = '/operator/';
const TOKEN_BYTES = 24;

const address = z.string().refine(isAddress);
const BODIES = {
  quota: z.strictObject({ address, bytes: z.int().min(0).nullable() }),
  ban: z.strictObject({ address, isBanned: z.boolean() }),
  retry: z.strictObject({ home: z.string().optional() }),
  restart: z.strictObject({ user: address }),
} as const;

export class OperatorPage {
  readonly token: string;
  readonly #deps: OperatorPageDeps;

  constructor(deps: OperatorPageDeps, random: SecureRandom) {
    this.#deps = deps;
    this.token = Buffer.from(random.bytes(TOKEN_BYTES)).toString('base64url');
  }

  serves(path: string): boolean {
    return path.startsWith(PATH);
  }

  /** Throws HubError `refused`, `throttled`, `absent`, `malformed`. */
  async answer(request: IncomingMessage, response: ServerResponse, remote: string): Promise<void> {
    const attempt = this.#deps.throttle.begin(undefined, remote);
    if (!this.#isOperator(request.headers.authorization ?? ''))
      throw new HubError('refused', 'that is not the operator');
    attempt.succeeded();
    const act = `${request.method} ${(request.url ?? '').slice(PATH.length)}`;
    if (act === 'GET metrics') {
      response.writeHead(200, { 'content-type': 'text/plain; version=0.0.4', 'cache-control': 'no-store' });
      response.end(`${await this.#deps.metrics()}\n${(await this.#deps.home?.metrics()) ?? ''}`);
      return;
    }
    const answer = act === 'GET status' ? await this.#status() : await this.#act(act, request);
    response.writeHead(200, { 'content-type': 'application/json', 'cache-control': 'no-store' });
    response.end(JSON.stringify(answer));
  }

  async #status(): Promise<object> {
    const { health, home, operator } = this.#deps;
    const [hub, node, accounts, fleet, federation, problems] = await Promise.all([
      operator.status(),
      home?.status(),
      home?.accounts(),
      home?.fleetStatus(),
      home?.federationStatus(undefined),
      home?.health(),
    ]);
    return { hub, node, accounts, fleet, federation, problems: [...health(), ...(problems ?? [])] };
  }

  async #act(act: string, request: IncomingMessage): Promise<object> {
    const { operator } = this.#deps;
    const home = (): HomeOperator => {
      if (this.#deps.home === undefined) throw new HubError('absent', 'there is no node beside this hub');
      return this.#deps.home;
    };
    switch (act) {
      case 'POST invite':
        return { invite: await home().invite() };
      case 'POST quota': {
        const { address, bytes } = judged(BODIES.quota, await readJson(request));
        return home().setQuota(address, bytes ?? undefined);
      }
      case 'POST ban': {
        const { address, isBanned } = judged(BODIES.ban, await readJson(request));
        return home().setBanned(address, isBanned);
      }
      case 'POST retry':
        return home().federationRetry(judged(BODIES.retry, await readJson(request)).home);
      case 'POST restart':
        return operator.restart(parseAddress(judged(BODIES.restart, await readJson(request)).user));
      default:
        throw new HubError('absent', 'there is no such request');
    }
  }

  /** Of equal length, so that comparing tells nothing. */
  #isOperator(authorization: string): boolean {
    const hash = (text: string): Buffer => createHash('sha256').update(text).digest();
    return timingSafeEqual(hash(authorization), hash(`Bearer ${this.token}`));
  }
}

function judged<Schema extends z.ZodType>(schema: Schema, body: unknown): z.infer<Schema> {
  const { data, success } = schema.safeParse(body);
  if (!success) throw new HubError('malformed', 'that is not what this request takes');
  return data;
}
