/** Names of running components and of sessions: 32 hexadecimal digits of randomness, new at every start. */
import { type SecureRandom, toHex } from '../../base/index.ts';
import { HubError } from '../hub-error.ts';

type Brand<Name extends string> = string & { readonly __brand: Name };

/** One run of one component: a user server that starts again is another instance. */
export type InstanceId = Brand<'InstanceId'>;
/** One session that a person's program has opened. Known to others than its owner: not a secret. */
export type SessionId = Brand<'SessionId'>;

const BYTES = 16;
const ID = /^[0-9a-f]{32}$/;

export function createInstanceId(random: SecureRandom): InstanceId {
  return parseInstanceId(toHex(random.bytes(BYTES)));
}

export function createSessionId(random: SecureRandom): SessionId {
  return parseSessionId(toHex(random.bytes(BYTES)));
}

export function parseInstanceId(text: string): InstanceId {
  return parse(text, 'an instance id') as InstanceId;
}

export function parseSessionId(text: string): SessionId {
  return parse(text, 'a session id') as SessionId;
}

function parse(text: string, what: string): string {
  if (!ID.test(text)) throw new HubError('malformed', `not ${what}: 32 lower-case hexadecimal digits are`);
  return text;
}
