/**
 * The seed's `fleets.json`: `{"fleets": {"<fleet>": {"<role>": {"<name>": "<address>"}}}}`. Of the roles, `mail` (the
 * first generation's word) and `store` (the second's) hold mail; others are not ours and are passed over. An address is a
 * URL, a multiaddr, or `{"url": …, "key": …}`. A node that cannot be used is named in `refused` and stops nothing.
 */
import { z } from 'zod';
import { DirectoryError, type DirectoryErrorCode } from './directory-error.ts';
import bundled from './fleets.json' with { type: 'json' };
import { FLEETS_FILE_CHARACTERS_MAX, FLEETS_MAX, NODE_NAME_CHARACTERS_MAX, NODES_MAX } from './limits.ts';
import { parseNodeAddress, parseNodeKey } from './node-address.ts';

export interface ListedNode {
  readonly name: string;
  readonly url: string;
  readonly key: Uint8Array | undefined;
}

/** A node somebody lists that cannot be used, and why. */
export interface RefusedNode {
  readonly source: 'fleet' | 'home' | 'own';
  readonly name: string;
  readonly address: string;
  readonly code: DirectoryErrorCode;
}

export interface Fleets {
  /** By name, in the order of the file; there is at least one. */
  readonly fleets: ReadonlyMap<string, readonly ListedNode[]>;
  readonly refused: readonly RefusedNode[];
}

const ROLES = ['mail', 'store'] as const;
const entrySchema = z.union([
  z.string(),
  z.object({ url: z.string(), key: z.string().optional() }).transform(({ url, key }) => ({ url, key })),
]);
const fileSchema = z.object({ fleets: z.record(z.string(), z.record(z.string(), z.unknown())) });

/** Throws DirectoryError `malformed`, `too_large` or `bad_name`. */
export function parseFleets(text: string): Fleets {
  if (text.length > FLEETS_FILE_CHARACTERS_MAX)
    throw new DirectoryError('too_large', `a fleets file has at most ${FLEETS_FILE_CHARACTERS_MAX} characters`);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new DirectoryError('malformed', 'the fleets file is not JSON', { cause });
  }
  return judgeFleets(value);
}

/** A name a person can read in a list and type: no control or invisible characters. Throws DirectoryError `bad_name`. */
export function parseNodeName(text: string): string {
  if (text.length === 0 || text.length > NODE_NAME_CHARACTERS_MAX || /\p{C}/u.test(text) || text.trim() !== text)
    throw new DirectoryError('bad_name', `not a name of a node or fleet: ${JSON.stringify(text.slice(0, 80))}`, {
      fix: `a name has 1 to ${NODE_NAME_CHARACTERS_MAX} visible characters`,
    });
  return text;
}

function judgeFleets(value: unknown): Fleets {
  const judged = fileSchema.safeParse(value);
  if (!judged.success) {
    const issue = judged.error.issues[0];
    throw new DirectoryError('malformed', `not a fleets file: ${issue?.path.join('.') || 'file'}: ${issue?.message}`);
  }
  const entries = Object.entries(judged.data.fleets);
  if (entries.length === 0) throw new DirectoryError('malformed', 'a fleets file names at least one fleet');
  if (entries.length > FLEETS_MAX)
    throw new DirectoryError('too_large', `a fleets file names at most ${FLEETS_MAX} fleets`);
  const fleets = new Map<string, readonly ListedNode[]>();
  const refused: RefusedNode[] = [];
  for (const [fleet, roles] of entries) fleets.set(parseNodeName(fleet), judgeFleet(fleet, roles, refused));
  return { fleets, refused };
}

function judgeFleet(fleet: string, roles: Record<string, unknown>, refused: RefusedNode[]): readonly ListedNode[] {
  const nodes = new Map<string, ListedNode>();
  for (const role of ROLES) {
    if (!Object.hasOwn(roles, role)) continue;
    const list = z.record(z.string(), z.unknown()).safeParse(roles[role]);
    if (!list.success) throw new DirectoryError('malformed', `not a fleets file: ${fleet}.${role} is not an object`);
    for (const [name, entry] of Object.entries(list.data)) {
      const node = judgeNode(name, entry);
      if ('code' in node) refused.push(node);
      else if (!nodes.has(name)) nodes.set(name, node);
    }
  }
  if (nodes.size > NODES_MAX)
    throw new DirectoryError('too_large', `the fleet ${fleet} has more than ${NODES_MAX} nodes`);
  return [...nodes.values()];
}

function judgeNode(name: string, entry: unknown): ListedNode | RefusedNode {
  const judged = entrySchema.safeParse(entry);
  const address = judged.success
    ? typeof judged.data === 'string'
      ? judged.data
      : judged.data.url
    : JSON.stringify(entry);
  const refusal = (code: DirectoryErrorCode): RefusedNode => ({ source: 'fleet', name, address, code });
  if (!judged.success) return refusal('malformed');
  const key = typeof judged.data === 'string' ? undefined : judged.data.key;
  try {
    return listedNode(name, address, key);
  } catch (error) {
    if (error instanceof DirectoryError) return refusal(error.code);
    throw error;
  }
}

/**
 * A node of a name, an address and, where it is given apart, its key (base64). Throws DirectoryError `bad_name`,
 * `bad_address` or `bad_key`; the last also when the address carries another key.
 */
export function listedNode(name: string, addressText: string, keyText: string | undefined): ListedNode {
  const address = parseNodeAddress(addressText);
  const key = keyText === undefined ? undefined : parseNodeKey(keyText);
  if (key !== undefined && address.key !== undefined && !key.every((byte, i) => byte === address.key?.[i]))
    throw new DirectoryError('bad_key', `the address of ${name} carries another key than the one given`);
  return { name: parseNodeName(name), url: address.url, key: key ?? address.key };
}

/** What ships with the program: one fleet without nodes of its own, so that the home document's list is used. */
export const BUNDLED_FLEETS: Fleets = judgeFleets(bundled);
