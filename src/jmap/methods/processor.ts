/**
 * Runs the calls of a request one after the other (RFC 8620, sections 3.3 and 3.6). What one call does is seen by the next;
 * a call that fails answers with an error and the rest goes on.
 */
import { MethodError } from '../protocol/errors.ts';
import { type Invocation, resolveReferences } from '../protocol/references.ts';
import type { JmapRequest, MethodCall } from '../protocol/request.ts';
import { type Call, errorResponse, type Method, type MethodDeps, type Response } from './call.ts';

export interface Answer {
  readonly methodResponses: readonly Invocation[];
  readonly createdIds?: Readonly<Record<string, string>>;
}

/** Whose request it is, and what they may. */
export type Asker = Pick<Call, 'credential' | 'permissions'>;

export class Processor {
  readonly #deps: MethodDeps;
  readonly #methods: ReadonlyMap<string, Method>;

  constructor(deps: MethodDeps, methods: readonly Method[]) {
    this.#deps = deps;
    this.#methods = new Map(methods.map((method) => [method.name, method]));
  }

  async run(request: JmapRequest, asker: Asker, signal: AbortSignal): Promise<Answer> {
    const createdIds = new Map(Object.entries(request.createdIds ?? {}));
    const call: Call = { ...this.#deps, using: new Set(request.using), ...asker, createdIds, signal };
    const responses: Invocation[] = [];
    for (const methodCall of request.methodCalls) {
      const id = methodCall[2];
      for (const [name, args] of await this.#answer(methodCall, call, responses)) responses.push([name, args, id]);
    }
    return {
      methodResponses: responses,
      ...(request.createdIds === undefined ? {} : { createdIds: Object.fromEntries(createdIds) }),
    };
  }

  async #answer([name, args]: MethodCall, call: Call, before: readonly Invocation[]): Promise<readonly Response[]> {
    try {
      const method = this.#methods.get(name);
      if (method === undefined || !call.using.has(method.capability))
        throw new MethodError('unknownMethod', `no method ${name} in the capabilities that are used`);
      if (!call.permissions.has(method.permission))
        throw new MethodError('forbidden', `this login does not allow to ${method.permission}`);
      return await method.run(resolveReferences(args, before), call);
    } catch (error) {
      return [errorResponse(error, call, name)];
    }
  }
}
