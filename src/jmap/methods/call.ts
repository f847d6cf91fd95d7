/** What a method sees of the request it is called in. */
import { type Clock, isAbort, type Log, type SecureRandom } from '../../base/index.ts';
import type { Blobs } from '../blobs/blobs.ts';
import { MethodError } from '../protocol/errors.ts';
import type { StoredSubscription } from '../push/push-subscription.ts';
import type { MailAccount } from '../store/mail-account.ts';
import type { MailStore } from '../store/mail-store.ts';
import type { SubmissionQueue } from '../submission/submission-queue.ts';
import type { Submitter } from '../submission/submitter.ts';

export type Response = readonly [name: string, args: Readonly<Record<string, unknown>>];

/** What a credential allows: reading, changing, or sending mail. */
export type Permission = 'read' | 'write' | 'send';

export interface Method {
  readonly name: string;
  /** The capability that a request must be `using`. */
  readonly capability: string;
  readonly permission: Permission;
  /** Throws MethodError. */
  run(args: Readonly<Record<string, unknown>>, call: Call): Promise<readonly Response[]> | readonly Response[];
}

/** What is done about push subscriptions beside keeping them. */
export interface PushControl {
  verify(id: string, subscription: StoredSubscription): void;
  start(id: string): void;
  stop(id: string): void;
}

/** Sending, where there is somebody to do it. */
export interface Sending {
  readonly submitter: Submitter;
  readonly queue: SubmissionQueue;
}

/** What methods lean on. */
export interface MethodDeps {
  readonly store: MailStore;
  readonly blobs: Blobs;
  readonly clock: Clock;
  readonly random: SecureRandom;
  readonly log: Log;
  /** Undefined where there are no push subscriptions. */
  readonly push: PushControl | undefined;
  /** Undefined where nothing is sent. */
  readonly submission: Sending | undefined;
}

export interface Call extends MethodDeps {
  readonly using: ReadonlySet<string>;
  /** Which login this is. */
  readonly credential: string;
  readonly permissions: ReadonlySet<Permission>;
  /** Ids of what this request has created, by creation id. */
  readonly createdIds: Map<string, string>;
  readonly signal: AbortSignal;
}

/** The account that a method is called for. */
export function accountOf(call: Call, accountId: string): MailAccount {
  const account = call.store.account(accountId);
  if (account === undefined) throw new MethodError('accountNotFound', `no account ${accountId}`);
  return account;
}

export function writableAccountOf(call: Call, accountId: string): MailAccount {
  const account = accountOf(call, accountId);
  if (account.record.isReadOnly) throw new MethodError('accountReadOnly', 'this account can only be read');
  return account;
}

/** What is answered where a method threw. Rethrows what ends the request. */
export function errorResponse(error: unknown, call: Call, method: string): Response {
  if (error instanceof MethodError) return ['error', error.response];
  if (isAbort(error, call.signal)) throw error;
  // What went wrong inside is for the operator; the client learns that it was not its fault.
  call.log.error({ error, method }, 'a JMAP method failed');
  return ['error', { type: 'serverFail', description: 'the server failed to do this' }];
}

/** The id that an argument stands for; undefined if it refers to something that was not created. */
export function resolveId(call: Call, idOrReference: string): string | undefined {
  return idOrReference.startsWith('#') ? call.createdIds.get(idOrReference.slice(1)) : idOrReference;
}
