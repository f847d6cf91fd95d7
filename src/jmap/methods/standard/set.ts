/**
 * The standard `/set` (RFC 8620, section 5.3). Each object succeeds or fails by itself; those that a type creates, changes
 * and destroys are given to its handler one after the other.
 */
import { z } from 'zod';
import { invariant, isAbort } from '../../../base/index.ts';
import { MissingMessage } from '../../blobs/blobs.ts';
import { UnavailableOctets } from '../../blobs/ports.ts';
import { CORE_LIMITS } from '../../limits.ts';
import { id, parseArguments } from '../../protocol/arguments.ts';
import type { DataType } from '../../protocol/data-types.ts';
import { MethodError, SetError } from '../../protocol/errors.ts';
import type { PlainObject } from '../../protocol/patch.ts';
import type { MailAccount } from '../../store/mail-account.ts';
import { type Call, type Response, resolveId, writableAccountOf } from '../call.ts';

/** Judged before anything is done: an error of the whole call must not leave half of it. */
const map = z.record(z.string(), z.record(z.string(), z.unknown()));

export const setArguments = z.strictObject({
  accountId: id,
  ifInState: z.string().nullish(),
  create: map.nullish(),
  update: map.nullish(),
  destroy: z.array(z.string()).nullish(),
});

export type SetArguments = z.output<typeof setArguments>;

/** What a type does; each throws SetError. */
export interface SetHandler {
  /** Returns what the client does not know yet, its id among it. */
  create(object: PlainObject, creationId: string): Promise<PlainObject> | PlainObject;
  /** Returns properties that changed beyond what the patch says, or null. */
  update(id: string, patch: PlainObject): Promise<PlainObject | null> | PlainObject | null;
  destroy(id: string): Promise<void> | void;
  /** Told everything before the first is done, where whether one is valid depends on the others. */
  readonly prepare?: (plan: SetPlan) => void;
  /** Puts creations in an order in which each comes after what it refers to. */
  readonly orderCreations?: (creations: readonly [string, PlainObject][]) => readonly [string, PlainObject][];
  readonly orderDestructions?: (ids: readonly string[]) => readonly string[];
}

/** What a call asks for, as far as its ids are known before anything was created. */
export interface SetPlan {
  readonly create: readonly (readonly [creationId: string, object: PlainObject])[];
  readonly update: readonly (readonly [id: string, patch: PlainObject])[];
  readonly destroy: readonly string[];
  /** Each update is of an object that is there before the call, and of another one. */
  readonly isKnown: boolean;
}

export function parseSet(args: unknown): SetArguments {
  return parseArguments(setArguments, args);
}

/** The account to change, after what the whole call depends on was checked. */
export function openSet(
  call: Call,
  type: DataType,
  { accountId, ifInState, create, update, destroy }: SetArguments,
): MailAccount {
  const account = writableAccountOf(call, accountId);
  const count = Object.keys(create ?? {}).length + Object.keys(update ?? {}).length + (destroy?.length ?? 0);
  judgeCount(count);
  judgeState(ifInState, account.state(type));
  return account;
}

export function judgeCount(count: number): void {
  if (count > CORE_LIMITS.maxObjectsInSet)
    throw new MethodError('requestTooLarge', `at most ${CORE_LIMITS.maxObjectsInSet} objects at once`);
}

function judgeState(ifInState: string | null | undefined, state: string): void {
  if (ifInState !== null && ifInState !== undefined && ifInState !== state)
    throw new MethodError('stateMismatch', `the state is ${state}`);
}

/**
 * The state that a call is made for. A call may read octets before it changes anything, and others change things meanwhile: so
 * it is judged when the call begins, and once more at its first change. After that the state is of its own making.
 */
export class StateCondition {
  readonly #ifInState: string | null | undefined;
  readonly #state: () => string;
  #oldState: string;
  #hasChanged = false;

  /** Throws MethodError `stateMismatch`. */
  constructor(ifInState: string | null | undefined, state: () => string) {
    this.#ifInState = ifInState;
    this.#state = state;
    this.#oldState = state();
    judgeState(ifInState, this.#oldState);
  }

  /** Before the call's first change. */
  get oldState(): string {
    return this.#oldState;
  }

  /** To be called right before each change. Throws MethodError `stateMismatch` at the first; then nothing was changed. */
  beforeChange(): void {
    if (this.#hasChanged) return;
    this.#oldState = this.#state();
    judgeState(this.#ifInState, this.#oldState);
    this.#hasChanged = true;
  }
}

export interface SetResult {
  readonly created: Map<string, PlainObject>;
  readonly updated: Map<string, PlainObject | null>;
  readonly destroyed: string[];
  readonly notCreated: Map<string, SetError>;
  readonly notUpdated: Map<string, SetError>;
  readonly notDestroyed: Map<string, SetError>;
}

type SetLists = Pick<SetArguments, 'create' | 'update' | 'destroy'>;

/** Does it all: creations first, then updates, then destructions. */
export async function performSet(call: Call, args: SetLists, handler: SetHandler): Promise<SetResult> {
  const result = emptyResult();
  try {
    for (const { failures, name, work } of stepsOf(call, args, handler, result)) await attempt(failures, name, work);
  } catch (error) {
    throw failureAfter(error, call, result.created.size + result.updated.size + result.destroyed.length);
  }
  return result;
}

/** The same as one transaction, in which nobody else changes something: for a handler that waits for nothing. */
export function performSetAtOnce(call: Call, args: SetLists, handler: SetHandler): SetResult {
  return call.store.transact(() => {
    const result = emptyResult();
    for (const { failures, name, work } of stepsOf(call, args, handler, result))
      try {
        const waiting = work();
        invariant(waiting === undefined, 'a handler that is asked at once waits for nothing');
      } catch (error) {
        noteFailure(failures, name, error);
      }
    return result;
  });
}

/** One object's part of a call. */
interface Step {
  readonly failures: Map<string, SetError>;
  readonly name: string;
  readonly work: () => Promise<void> | void;
}

/** Each is to be done before the next is asked for. */
function* stepsOf(call: Call, args: SetLists, handler: SetHandler, result: SetResult): Generator<Step> {
  const creations = Object.entries(args.create ?? {});
  handler.prepare?.(planOf(call, args));
  for (const [name, object] of handler.orderCreations?.(creations) ?? creations) {
    const done = (created: PlainObject): void => {
      call.createdIds.set(name, String(created.id));
      result.created.set(name, created);
    };
    yield { failures: result.notCreated, name, work: () => whenDone(handler.create(object, name), done) };
  }
  const doomed = new Set((args.destroy ?? []).map((one) => resolveId(call, one)));
  for (const [name, patch] of Object.entries(args.update ?? {})) {
    const work = (): Promise<void> | void => {
      const target = found(call, name);
      if (doomed.has(target)) throw new SetError('willDestroy', 'it is destroyed in the same call');
      return whenDone(handler.update(target, patch), (more) => void result.updated.set(target, more));
    };
    yield { failures: result.notUpdated, name, work };
  }
  const destructions = [...new Set(args.destroy ?? [])];
  for (const name of handler.orderDestructions?.(destructions) ?? destructions) {
    const work = (): Promise<void> | void => {
      const target = found(call, name);
      return whenDone(handler.destroy(target), () => void result.destroyed.push(target));
    };
    yield { failures: result.notDestroyed, name, work };
  }
}

function whenDone<Value>(value: Promise<Value> | Value, next: (value: Value) => void): Promise<void> | void {
  return value instanceof Promise ? value.then(next) : next(value);
}

/** Keeps what went wrong with one object among the failures; throws what is not about one object. */
export async function attempt(
  failures: Map<string, SetError>,
  name: string,
  work: () => Promise<void> | void,
): Promise<void> {
  try {
    await work();
  } catch (error) {
    noteFailure(failures, name, error);
  }
}

function noteFailure(failures: Map<string, SetError>, name: string, error: unknown): void {
  const failure = setErrorOf(error);
  if (failure === undefined) throw error;
  failures.set(name, failure);
}

/** What an error says of the one object whose work threw it; undefined if it is about more. */
export function setErrorOf(error: unknown): SetError | undefined {
  if (error instanceof SetError) return error;
  if (error instanceof MissingMessage) return new SetError('notFound', error.message);
  if (error instanceof UnavailableOctets) return new SetError('serverUnavailable', error.message);
  // Octets of one object: that a call has too many objects is found before the first.
  if (error instanceof MethodError && error.type === 'requestTooLarge') return new SetError('tooLarge', error.message);
  return undefined;
}

/**
 * What a call fails with that has changed so many objects already (RFC 8620, section 3.6.2): `serverFail` would say that it
 * changed none, and a client that does it again doubles them.
 */
export function failureAfter(error: unknown, call: Call, doneCount: number): unknown {
  if (doneCount === 0 || isAbort(error, call.signal)) return error;
  call.log.error({ error, doneCount }, 'a JMAP method failed after a part of it was done');
  return new MethodError('serverPartialFail', 'the server did a part of this, and failed to do the rest');
}

function emptyResult(): SetResult {
  return {
    created: new Map(),
    updated: new Map(),
    destroyed: [],
    notCreated: new Map(),
    notUpdated: new Map(),
    notDestroyed: new Map(),
  };
}

function planOf(call: Call, { create, update, destroy }: SetLists): SetPlan {
  const doomed = (destroy ?? []).flatMap((name) => resolveId(call, name) ?? []);
  const targets = Object.keys(update ?? {}).map((name) => resolveId(call, name));
  return {
    isKnown: targets.every((target, index) => target !== undefined && targets.indexOf(target) === index),
    create: Object.entries(create ?? {}),
    update: Object.entries(update ?? {}).flatMap(([name, patch]) => {
      const target = resolveId(call, name);
      return target === undefined || doomed.includes(target) ? [] : [[target, patch] as const];
    }),
    destroy: doomed,
  };
}

function found(call: Call, name: string): string {
  const target = resolveId(call, name);
  if (target === undefined) throw new SetError('notFound', `nothing was created as ${name}`);
  return target;
}

export function setResponse(
  type: string,
  account: MailAccount,
  oldState: string,
  newState: string,
  result: SetResult,
): Response {
  return [`${type}/set`, { accountId: account.id, oldState, newState, ...setLists(result) }];
}

/** What every response of a `/set` has. */
export function setLists(result: SetResult): PlainObject {
  return {
    created: mapOrNull(result.created),
    updated: mapOrNull(result.updated),
    destroyed: result.destroyed.length === 0 ? null : result.destroyed,
    notCreated: failuresOrNull(result.notCreated),
    notUpdated: failuresOrNull(result.notUpdated),
    notDestroyed: failuresOrNull(result.notDestroyed),
  };
}

export function mapOrNull<Value>(map: ReadonlyMap<string, Value>): Readonly<Record<string, Value>> | null {
  return map.size === 0 ? null : Object.fromEntries(map);
}

export function failuresOrNull(failures: ReadonlyMap<string, SetError>): PlainObject | null {
  return failures.size === 0 ? null : Object.fromEntries([...failures].map(([name, { response }]) => [name, response]));
}

/** A new id: random, so that it says nothing and is never used again. Lower case, begins with a letter. */
export function newId(call: Call, prefix: string): string {
  const digits = 'abcdefghijklmnopqrstuvwxyz234567';
  return prefix + [...call.random.bytes(16)].map((byte) => digits[byte & 31]).join('');
}
