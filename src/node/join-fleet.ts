/** Makes a new folder one of a home's nodes: asks a running node by a token, and keeps what it gives. */
import type { Log } from '../base/index.ts';
import { DataFolder, readHomeConfig } from './data-folder.ts';
import { askToJoin, type JoinDeps } from './fleet/index.ts';
import { NodeError } from './node-error.ts';
import { openNodeStore } from './node-store.ts';
import { toldHomeKey } from './view-keys.ts';

export interface JoinFleetOptions {
  /** Of the new node; empty, or not there yet. */
  readonly folder: string;
  /** Any URL of a node of the home. */
  readonly url: string;
  readonly token: string;
  /** The PostgreSQL database that is to have its rows; absent: they are in the folder. */
  readonly database?: string;
  /** What the new node is called. */
  readonly name: string;
}

/** Throws NodeError, FleetError or DialError; the folder is then no home. */
export async function joinFleet(
  deps: JoinDeps & { readonly log: Log },
  { database, folder, name, token, url }: JoinFleetOptions,
  signal: AbortSignal,
): Promise<{ readonly home: string; readonly node: string }> {
  if ((await readHomeConfig(folder)) !== undefined)
    throw new NodeError('bad_folder', `${folder} holds a home already`, { fix: 'Choose another with --data.' });
  const nodeSeed = deps.random.bytes(32);
  const { chain, home, homeSeed } = await askToJoin(
    deps,
    { url, token, name, key: deps.suite.keyPair(nodeSeed) },
    signal,
  );
  const made = await DataFolder.create(deps, folder, { config: { home, node: name }, homeSeed, nodeSeed });
  await using store = await openNodeStore(deps, made, database);
  await store.transact((transaction) => {
    for (const { signed, version } of chain) transaction.put(toldHomeKey(version), signed.bytes);
  });
  return { home, node: name };
}
