/**
 * What the person decided about nodes: their own, the fleet, the pin. Values; each change makes new ones, and the client
 * keeps them in its store by `encodeSettings`.
 */
import { z } from 'zod';
import { fromUtf8, toBase64 } from '../../base/index.ts';
import { encodeCanonicalJson } from '../../protocol/index.ts';
import { DirectoryError } from './directory-error.ts';
import { type Fleets, type ListedNode, listedNode, parseNodeName } from './fleets.ts';
import { NODES_MAX, SETTINGS_BYTES_MAX } from './limits.ts';

export interface DirectorySettings {
  readonly own: readonly ListedNode[];
  /** The current fleet; undefined: the first of the file. */
  readonly fleet: string | undefined;
  /** The node wished for. */
  readonly pinned: string | undefined;
}

export const DEFAULT_SETTINGS: DirectorySettings = Object.freeze({ own: [], fleet: undefined, pinned: undefined });

/**
 * Adds a node of the person's own; its name may be one of the home's, which it then hides. `address` is a URL or a
 * multiaddr, `key` base64. Throws DirectoryError.
 */
export function addOwnNode(
  settings: DirectorySettings,
  node: { readonly name: string; readonly address: string; readonly key: string | undefined },
): DirectorySettings {
  if (settings.own.some((own) => own.name === node.name))
    throw new DirectoryError('name_taken', `you have a node named ${node.name} already`, {
      fix: `remove it first, or choose another name`,
    });
  if (settings.own.length >= NODES_MAX)
    throw new DirectoryError('too_large', `at most ${NODES_MAX} nodes of one's own`, { fix: 'remove one first' });
  return { ...settings, own: [...settings.own, listedNode(node.name, node.address, node.key)] };
}

/** Also unpins it. Throws DirectoryError `unknown_node`. */
export function removeOwnNode(settings: DirectorySettings, name: string): DirectorySettings {
  const own = settings.own.filter((node) => node.name !== name);
  if (own.length === settings.own.length)
    throw new DirectoryError('unknown_node', `no node of your own is named ${name}`, {
      fix: 'nodes of the home and the fleet cannot be removed; pin the one you want instead',
    });
  return { ...settings, own, pinned: settings.pinned === name ? undefined : settings.pinned };
}

/** Throws DirectoryError `unknown_fleet`. */
export function changeFleet(settings: DirectorySettings, fleets: Fleets, name: string): DirectorySettings {
  if (!fleets.fleets.has(name))
    throw new DirectoryError('unknown_fleet', `no fleet is named ${name}`, {
      fix: `the fleets are: ${[...fleets.fleets.keys()].join(', ')}`,
    });
  return { ...settings, fleet: name };
}

export function encodeSettings(settings: DirectorySettings): Uint8Array {
  return encodeCanonicalJson({
    v: 1,
    fleet: settings.fleet,
    own: settings.own.map((node) => ({
      name: node.name,
      url: node.url,
      key: node.key === undefined ? undefined : toBase64(node.key),
    })),
    pinned: settings.pinned,
  });
}

const settingsSchema = z.strictObject({
  v: z.literal(1),
  fleet: z.string().optional(),
  own: z.array(z.strictObject({ name: z.string(), url: z.string(), key: z.string().optional() })).max(NODES_MAX),
  pinned: z.string().optional(),
});

/** Throws DirectoryError `malformed` or `too_large`. */
export function decodeSettings(bytes: Uint8Array): DirectorySettings {
  if (bytes.length > SETTINGS_BYTES_MAX)
    throw new DirectoryError('too_large', `the directory's settings have at most ${SETTINGS_BYTES_MAX} bytes`);
  try {
    const fields = settingsSchema.parse(JSON.parse(fromUtf8(bytes)));
    const own = fields.own.map((node) => listedNode(node.name, node.url, node.key));
    if (new Set(own.map((node) => node.name)).size !== own.length) throw new TypeError('a name stands twice');
    return {
      own,
      fleet: fields.fleet === undefined ? undefined : parseNodeName(fields.fleet),
      pinned: fields.pinned === undefined ? undefined : parseNodeName(fields.pinned),
    };
  } catch (cause) {
    throw new DirectoryError('malformed', "not the directory's settings", { cause });
  }
}
