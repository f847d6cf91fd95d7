/**
 * What the page asks before anybody has logged in: of which homes people come here, and to make an account or open one by
 * its recovery code. Only JSON is taken, which no form of another site can send.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { z } from 'zod';
import { type HomeName, isAddress, parseAddress } from '../../protocol/index.ts';
import { HubError } from '../hub-error.ts';
import { PASSWORD_CHARACTERS_MAX } from '../slots/limits.ts';
import type { AccountMaker, Made } from './account-maker.ts';
import { CODE_CHARACTERS_MAX } from './limits.ts';
import { readJson } from './slot-door.ts';

export interface AccountDoorDeps {
  readonly maker: AccountMaker;
}

export interface AccountDoorOptions {
  /** Whose people log in here; undefined: any home's. */
  readonly homes: readonly HomeName[] | undefined;
}

const PATHS = ['/hub/home', '/hub/accounts', '/hub/accounts/recover'];

const address = z.string().toLowerCase().refine(isAddress);
const password = z.string().min(1).max(PASSWORD_CHARACTERS_MAX);
const code = z.string().max(CODE_CHARACTERS_MAX);
const createSchema = z.strictObject({ address, password, invite: code.default('') });
const recoverSchema = z.strictObject({ address, password, recoveryCode: code });

/** What the home refuses, by the status that says whose turn it is. */
const STATUS: Readonly<Record<string, number>> = {
  address_taken: 409,
  invite_needed: 403,
  invite_unknown: 403,
  registration_closed: 403,
  wrong_recovery_code: 401,
  malformed_recovery_code: 400,
  rate_limited: 429,
  home_unreachable: 503,
  offline: 503,
};
const OTHERWISE = 422;

export class AccountDoor {
  readonly #deps: AccountDoorDeps;
  readonly #options: AccountDoorOptions;

  constructor(deps: AccountDoorDeps, options: AccountDoorOptions) {
    this.#deps = deps;
    this.#options = options;
  }

  serves(path: string): boolean {
    return PATHS.includes(path);
  }

  /** Throws HubError. */
  async answer(request: IncomingMessage, response: ServerResponse, remote: string, signal: AbortSignal): Promise<void> {
    switch (`${request.method} ${request.url}`) {
      case 'GET /hub/home':
        send(response, 200, { homes: this.#options.homes ?? [] });
        return;
      case 'POST /hub/accounts': {
        const { address, ...rest } = await this.#read(request, createSchema);
        const made = await this.#deps.maker.make(parseAddress(address), { how: 'create', ...rest }, remote, signal);
        answerMade(response, made);
        return;
      }
      case 'POST /hub/accounts/recover': {
        const { address, ...rest } = await this.#read(request, recoverSchema);
        const made = await this.#deps.maker.make(parseAddress(address), { how: 'recover', ...rest }, remote, signal);
        answerMade(response, made);
        return;
      }
      default:
        throw new HubError('absent', 'nothing is here');
    }
  }

  async #read<Schema extends z.ZodType>(request: IncomingMessage, schema: Schema): Promise<z.infer<Schema>> {
    if (!/^application\/json\b/i.test(request.headers['content-type'] ?? ''))
      throw new HubError('malformed', 'send JSON, and say so');
    const asked = schema.safeParse(await readJson(request));
    if (!asked.success) throw new HubError('malformed', 'it takes an address, a password and a code');
    return asked.data;
  }
}

function answerMade(response: ServerResponse, made: Made): void {
  if (made.status === 'made') {
    send(response, 201, made.recoveryCode === undefined ? {} : { recoveryCode: made.recoveryCode });
    return;
  }
  const { code, message: detail } = made;
  const status = STATUS[code] ?? OTHERWISE;
  send(response, status, { type: 'about:blank', status, code, detail }, 'application/problem+json');
}

function send(response: ServerResponse, status: number, body: object, type = 'application/json'): void {
  response.writeHead(status, { 'content-type': type, 'cache-control': 'no-store' });
  response.end(JSON.stringify(body));
}
