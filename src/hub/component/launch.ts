/**
 * What a component is told at its start, on an inherited pipe (descriptor LAUNCH_DESCRIPTOR of a process, the first message
 * of a thread): who it is, its keys, whom it answers to. Never in arguments or the environment, which others can read. One
 * JSON document; the writer closes the pipe behind it and forgets the private half of the keys.
 */
import { z } from 'zod';
import { type CryptoSuite, fromUtf8, utf8 } from '../../base/index.ts';
import { type Address, isAddress } from '../../protocol/index.ts';
import { HubError } from '../hub-error.ts';
import { type InstanceId, parseInstanceId } from './ids.ts';
import {
  type ComponentKeys,
  decodeKeySeeds,
  decodePublicKeys,
  encodeKeySeeds,
  encodePublicKeys,
  type PublicKeys,
} from './keys.ts';
import { LAUNCH_BYTES_MAX, PATH_CHARACTERS_MAX } from './limits.ts';

export const LAUNCH_DESCRIPTOR = 3;

/** `memory`: only the change log and pending changes are written. */
export type CacheMode = 'disk' | 'memory';
export type ComponentName = 'user-server' | 'mail-agent' | 'imap-agent' | 'smtp-agent';

/** Somebody on the bus, as another component knows it. */
export interface Peer {
  readonly instance: InstanceId;
  readonly keys: PublicKeys;
}

export interface Launch {
  readonly component: ComponentName;
  readonly user: Address;
  readonly instance: InstanceId;
  readonly keys: ComponentKeys;
  /** The control server that made these keys, and the only one whose commands count. */
  readonly control: Peer;
  /** Where this host's bus listens: a Unix socket. */
  readonly busPath: string;
  /** Where the component listens: a Unix socket in a folder of mode 0700. */
  readonly socketPath: string;
  /** The user's own folder. */
  readonly folder: string;
  readonly cache: CacheMode;
  /** This host's turn at the user: what is written into `folder` counts only while no host has a higher one (`Fence`). */
  readonly fence: number;
  /** The node to reach the person's home by; absent: as the home's name leads. */
  readonly nodeUrl?: string | undefined;
  /** Of the host: what is for all its users. */
  readonly hostFolder: string;
  /** Also homes and servers at private and loopback addresses. */
  readonly allowPrivate: boolean;
  readonly limits: { readonly memoryBytes: number; readonly agentTimeoutMs: number };
}

const path = z.string().min(1).max(PATH_CHARACTERS_MAX);
const schema = z.strictObject({
  version: z.literal(1),
  component: z.enum(['user-server', 'mail-agent', 'imap-agent', 'smtp-agent']),
  user: z.string().refine(isAddress),
  instance: z.string().transform(parseInstanceId),
  keys: z.string(),
  control: z.strictObject({ instance: z.string().transform(parseInstanceId), keys: z.string() }),
  busPath: path,
  socketPath: path,
  folder: path,
  cache: z.enum(['disk', 'memory']),
  fence: z.int().min(0),
  nodeUrl: z.url().optional(),
  hostFolder: path,
  allowPrivate: z.boolean(),
  limits: z.strictObject({ memoryBytes: z.int().min(1), agentTimeoutMs: z.int().min(1) }),
});

export function encodeLaunch(launch: Launch): Uint8Array {
  const { control, keys, ...rest } = launch;
  return utf8(
    JSON.stringify({
      version: 1,
      ...rest,
      keys: encodeKeySeeds(keys),
      control: { instance: control.instance, keys: encodePublicKeys(control.keys) },
    } satisfies z.input<typeof schema>),
  );
}

/** Throws HubError `malformed`. */
export function parseLaunch(suite: CryptoSuite, bytes: Uint8Array): Launch {
  if (bytes.length > LAUNCH_BYTES_MAX) throw new HubError('malformed', 'a launch message is short');
  let read: z.output<typeof schema>;
  try {
    read = schema.parse(JSON.parse(fromUtf8(bytes)));
  } catch (cause) {
    // The cause would quote what it read, keys included.
    throw new HubError('malformed', `not a launch message (${(cause as Error).name})`);
  }
  const { version: _, control, keys, ...rest } = read;
  return {
    ...rest,
    keys: decodeKeySeeds(suite, keys),
    control: { instance: control.instance, keys: decodePublicKeys(control.keys) },
  };
}
