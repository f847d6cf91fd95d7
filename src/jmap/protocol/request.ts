/** A JMAP request as it arrives (RFC 8620, section 3.3), judged once. */
import { CORE_LIMITS } from '../limits.ts';
import { RequestError } from './errors.ts';
import { parseIJson } from './i-json.ts';

export interface JmapRequest {
  readonly using: readonly string[];
  readonly methodCalls: readonly MethodCall[];
  readonly createdIds: Readonly<Record<string, string>> | undefined;
}

export type MethodCall = readonly [name: string, args: Readonly<Record<string, unknown>>, id: string];

/** Throws RequestError. */
export function parseRequest(bytes: Uint8Array, supported: ReadonlySet<string>): JmapRequest {
  if (bytes.length > CORE_LIMITS.maxSizeRequest)
    throw new RequestError('limit', `a request has at most ${CORE_LIMITS.maxSizeRequest} octets`, {
      limit: 'maxSizeRequest',
    });
  let value: unknown;
  try {
    value = parseIJson(bytes);
  } catch (error) {
    throw new RequestError('notJSON', `not I-JSON: ${(error as Error).message}`);
  }
  return judgeRequest(value, supported);
}

/** The same for what is parsed already, as over a WebSocket. */
export function judgeRequest(value: unknown, supported: ReadonlySet<string>): JmapRequest {
  if (!isObject(value)) throw new RequestError('notRequest', 'a request is an object');
  const { using, methodCalls, createdIds } = value;
  if (!Array.isArray(using) || !using.every((name) => typeof name === 'string'))
    throw new RequestError('notRequest', '"using" is an array of strings');
  if (!Array.isArray(methodCalls) || !methodCalls.every(isMethodCall))
    throw new RequestError('notRequest', '"methodCalls" is an array of calls: [name, arguments, id]');
  if (createdIds !== undefined && !isIdMap(createdIds))
    throw new RequestError('notRequest', '"createdIds" is an object of ids');
  const unknown = using.find((name) => !supported.has(name));
  if (unknown !== undefined)
    throw new RequestError('unknownCapability', `this server has no capability ${JSON.stringify(unknown)}`);
  if (methodCalls.length > CORE_LIMITS.maxCallsInRequest)
    throw new RequestError('limit', `a request has at most ${CORE_LIMITS.maxCallsInRequest} calls`, {
      limit: 'maxCallsInRequest',
    });
  return { using, methodCalls, createdIds };
}

export function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isMethodCall(call: unknown): call is MethodCall {
  return (
    Array.isArray(call) &&
    call.length === 3 &&
    typeof call[0] === 'string' &&
    isObject(call[1]) &&
    typeof call[2] === 'string'
  );
}

function isIdMap(value: unknown): value is Readonly<Record<string, string>> {
  return isObject(value) && Object.values(value).every((id) => typeof id === 'string');
}
