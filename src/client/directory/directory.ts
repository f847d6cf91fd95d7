/**
 * The nodes a client may use: the person's own, the home document's and the current fleet's, merged. On the same name the
 * own node beats the home's, and the home's beats the fleet's; a URL stands once. Whoever is not in the list is refused.
 * Pure: a new list is made when one of the three changes.
 */
import { toBase64 } from '../../base/index.ts';
import type { HomeNode } from '../../protocol/index.ts';
import { DirectoryError } from './directory-error.ts';
import { type Fleets, parseNodeName, type RefusedNode } from './fleets.ts';
import { parseNodeAddress } from './node-address.ts';
import type { DirectorySettings } from './settings.ts';

export type NodeSource = 'fleet' | 'home' | 'own';

export interface DirectoryNode {
  readonly name: string;
  /** At least one, best first, canonical. */
  readonly urls: readonly [string, ...string[]];
  /** The Ed25519 public key it must prove; undefined: one of those in the home document. */
  readonly key: Uint8Array | undefined;
  readonly source: NodeSource;
}

export interface Directory {
  /** Own first, then the home's, then the fleet's. */
  readonly nodes: readonly DirectoryNode[];
  /** Listed by somebody, and unusable. */
  readonly refused: readonly RefusedNode[];
  /** The current fleet, and those one could change to. */
  readonly fleet: string;
  readonly fleets: readonly string[];
}

export interface DirectorySources {
  readonly fleets: Fleets;
  /** The nodes of the home document; empty while it is not known. */
  readonly home: readonly HomeNode[];
  readonly settings: DirectorySettings;
}

/** A fleet that the file no longer names gives way to the first one. */
export function mergeDirectory(sources: DirectorySources): Directory {
  const { fleets, settings } = sources;
  const names = [...fleets.fleets.keys()];
  const fleet =
    settings.fleet !== undefined && fleets.fleets.has(settings.fleet) ? settings.fleet : (names[0] as string);
  const merge = new Merge();
  for (const node of settings.own) merge.add({ ...node, urls: [node.url], source: 'own' });
  for (const node of sources.home) merge.addHomeNode(node);
  for (const node of fleets.fleets.get(fleet) ?? []) merge.add({ ...node, urls: [node.url], source: 'fleet' });
  return { nodes: merge.nodes, refused: [...merge.refused, ...fleets.refused], fleet, fleets: names };
}

/** The node of that name in the merged list. Throws DirectoryError `unknown_node`. */
export function findNode(directory: Directory, name: string): DirectoryNode {
  const node = directory.nodes.find((listed) => listed.name === name);
  if (node === undefined)
    throw new DirectoryError('unknown_node', `no node is named ${name}`, {
      fix:
        directory.nodes.length === 0
          ? 'add one with `restante nodes add NAME URL`'
          : `the nodes are: ${directory.nodes.map((listed) => listed.name).join(', ')}`,
    });
  return node;
}

/** Throws DirectoryError `unknown_node`. */
export function pinNode(settings: DirectorySettings, directory: Directory, name: string): DirectorySettings {
  return { ...settings, pinned: findNode(directory, name).name };
}

export function unpinNode(settings: DirectorySettings): DirectorySettings {
  return { ...settings, pinned: undefined };
}

class Merge {
  readonly refused: RefusedNode[] = [];
  readonly #byName = new Map<string, DirectoryNode>();
  /** URL → name of the node that has it. */
  readonly #byUrl = new Map<string, string>();

  get nodes(): readonly DirectoryNode[] {
    return [...this.#byName.values()];
  }

  addHomeNode(node: HomeNode): void {
    const urls: string[] = [];
    for (const text of node.urls) {
      try {
        parseNodeName(node.name);
        const address = parseNodeAddress(text);
        if (address.key !== undefined && toBase64(address.key) !== toBase64(node.key))
          throw new DirectoryError('bad_key', `the address of ${node.name} carries another key than the home document`);
        if (!urls.includes(address.url)) urls.push(address.url);
      } catch (error) {
        if (!(error instanceof DirectoryError)) throw error;
        this.refused.push({ source: 'home', name: node.name, address: text, code: error.code });
      }
    }
    const [first, ...others] = urls;
    if (first !== undefined) this.add({ name: node.name, urls: [first, ...others], key: node.key, source: 'home' });
  }

  add(node: DirectoryNode): void {
    const name = node.urls.map((url) => this.#byUrl.get(url)).find((found) => found !== undefined);
    if (name !== undefined) {
      // The same node under another name: who was first stays, and learns the key if it had none.
      const first = this.#byName.get(name) as DirectoryNode;
      if (first.key === undefined) this.#byName.set(name, { ...first, key: node.key });
      return;
    }
    if (this.#byName.has(node.name)) return;
    const { name: own, urls, key, source } = node;
    this.#byName.set(own, { name: own, urls, key, source });
    for (const url of urls) this.#byUrl.set(url, own);
  }
}
