/** The operator's door: HTTP on a Unix socket of mode 0600 in the hub's folder. Whoever may open its file runs the hub. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { z } from 'zod';
import { type Log, Scope } from '../../base/index.ts';
import { isAddress } from '../../protocol/index.ts';
import { HubError } from '../hub-error.ts';
import { answerProblem } from './http-problem.ts';
import type { Operator } from './operator.ts';
import { readJson } from './slot-door.ts';

const restartSchema = z.strictObject({ user: z.string().refine(isAddress) });

export class OperatorDoor implements AsyncDisposable {
  readonly #operator: Operator;
  readonly #metrics: () => Promise<string>;
  readonly #log: Log;
  readonly #scope: Scope;

  constructor(log: Log, operator: Operator, metrics: () => Promise<string>) {
    this.#log = log;
    this.#operator = operator;
    this.#metrics = metrics;
    this.#scope = new Scope((task, error) => log.error({ error, task }, 'an operator’s request failed'));
  }

  onRequest(request: IncomingMessage, response: ServerResponse): void {
    this.#scope.spawn('operator', async () => {
      try {
        await this.#answer(request, response);
      } catch (error) {
        if (!(error instanceof HubError)) this.#log.error({ error }, 'an operator’s request failed');
        const failed = new HubError('failed', 'the hub failed; its log says why');
        answerProblem(response, error instanceof HubError ? error : failed);
      }
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#scope[Symbol.asyncDispose]();
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const answer = (body: unknown): void => {
      response.writeHead(200, { 'content-type': 'application/json' });
      response.end(JSON.stringify(body));
    };
    switch (`${request.method} ${request.url}`) {
      case 'GET /status':
        answer(await this.#operator.status());
        return;
      case 'GET /sessions':
        answer(await this.#operator.sessions());
        return;
      case 'GET /metrics':
        response.writeHead(200, { 'content-type': 'text/plain; version=0.0.4' });
        response.end(await this.#metrics());
        return;
      case 'POST /drain':
        answer(await this.#operator.drain());
        return;
      case 'POST /relieve':
        answer(await this.#operator.relieve());
        return;
      case 'POST /restart': {
        const asked = restartSchema.safeParse(await readJson(request));
        if (!asked.success) throw new HubError('malformed', 'say whose user server: {"user":…}');
        answer(await this.#operator.restart(asked.data.user));
        return;
      }
      default:
        throw new HubError('absent', 'there is no such request');
    }
  }
}
