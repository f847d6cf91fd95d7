/**
 * What `member` and `state` PDUs say in their bodies: canonical JSON that homes read. A body is judged here once; what is
 * not in this form changes nothing.
 */
import {
  type Address,
  encodeCanonicalJson,
  isAddress,
  type Json,
  type Pdu,
  ProtocolError,
  parseCanonicalJson,
} from '../protocol/index.ts';
import { CHANGE_BODY_BYTES_MAX } from './limits.ts';

/** What somebody is in a conversation. `removed` cannot join by themselves where it is open; `left` can. */
export type Role = 'owner' | 'member' | 'reader' | 'invited' | 'left' | 'removed';
export type JoinRule = 'invite' | { readonly open: 'member' | 'reader' };
/** The settings of a conversation, by name. */
export interface ConversationSettings {
  /** Who may join by themselves, and as what at most. `invite`, or nothing, means those who are invited. */
  readonly join?: JoinRule;
}
export type SettingName = keyof ConversationSettings;

export interface MemberChange {
  readonly type: 'member';
  readonly about: Address;
  readonly role: Role;
}
export interface SettingChange {
  readonly type: 'state';
  readonly name: SettingName;
  readonly value: JoinRule;
}

const ROLES: ReadonlySet<unknown> = new Set<Role>(['owner', 'member', 'reader', 'invited', 'left', 'removed']);

export function encodeMemberBody(role: Role): Uint8Array {
  return encodeCanonicalJson({ role });
}

export function encodeSettingBody(value: JoinRule): Uint8Array {
  return encodeCanonicalJson({ value: value === 'invite' ? value : { open: value.open } });
}

/** The change that a `member` or `state` PDU and its body make. Throws ProtocolError. */
export function parseChange(pdu: Pick<Pdu, 'type' | 'stateKey'>, body: Uint8Array): MemberChange | SettingChange {
  if (body.length > CHANGE_BODY_BYTES_MAX)
    throw new ProtocolError('too_large', `the body of a change has at most ${CHANGE_BODY_BYTES_MAX} bytes`);
  const key = pdu.stateKey ?? '';
  const document = parseCanonicalJson(body);
  switch (pdu.type) {
    case 'member': {
      const role = soleField(document, 'role');
      if (!isAddress(key) || !isRole(role)) throw malformed('an address as state key, and a role');
      return { type: 'member', about: key, role };
    }
    case 'state':
      if (key !== 'join') throw malformed('the name of a setting as state key');
      return { type: 'state', name: key, value: parseJoinRule(soleField(document, 'value')) };
    default:
      throw malformed('the type member or state');
  }
}

function parseJoinRule(value: Json | undefined): JoinRule {
  if (value === 'invite') return value;
  const open = soleField(value, 'open');
  if (open !== 'member' && open !== 'reader') throw malformed('"invite", or open for "member" or "reader"');
  return { open };
}

/** The value of an object's only key; undefined for everything else. */
function soleField(value: Json | undefined, key: string): Json | undefined {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined;
  const object = value as { readonly [key: string]: Json | undefined };
  return Object.keys(object).length === 1 && Object.hasOwn(object, key) ? object[key] : undefined;
}

function isRole(value: unknown): value is Role {
  return ROLES.has(value);
}

function malformed(wanted: string): ProtocolError {
  return new ProtocolError('malformed', `not a change of a conversation: it has ${wanted}`);
}
