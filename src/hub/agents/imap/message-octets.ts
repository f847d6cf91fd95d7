/** Octets of one message of the folder that is open, and how many there are: some servers only guess that (RFC822.SIZE). */
import type { FetchMessageObject, ImapFlow } from 'imapflow';
import { SIZE_MAX } from './limits.ts';

const NONE = new Uint8Array(0);

/** Fewer than asked for at the end of the message; undefined when the message is not there any more. */
export async function readOctets(
  client: ImapFlow,
  uid: number,
  start: number,
  count: number,
): Promise<Uint8Array | undefined> {
  const query = { uid: true, source: { start, maxLength: Math.max(1, count) } };
  let octets: Uint8Array | undefined;
  // A server may also tell of other messages meanwhile, and of the flags of this one.
  for await (const message of client.fetch(`${uid}`, query, { uid: true }))
    if (message.uid === uid) octets ??= sectionOf(message.source);
  return octets;
}

/** Undefined for what was not said; a section of a message that has lost it is NIL, and counts as empty. */
export function sectionOf(section: FetchMessageObject['source'] | false): Uint8Array | undefined {
  return section === false ? NONE : section;
}

/** Of a message that is known to have `least` octets, and is said to have `told`. */
export async function sizeOf(client: ImapFlow, uid: number, least: number, told: number): Promise<number> {
  const count = async (start: number, most: number): Promise<number> =>
    (await readOctets(client, uid, start, most))?.length ?? 0;
  if (told > least && (await count(told - 1, 2)) === 1) return told;
  let [held, beyond] = [least, Math.max(told, 2 * least)];
  while (beyond < SIZE_MAX && (await count(beyond, 1)) > 0) [held, beyond] = [beyond + 1, 2 * beyond];
  while (held < beyond) {
    const middle = Math.floor((held + beyond) / 2);
    if ((await count(middle, 1)) > 0) held = middle + 1;
    else beyond = middle;
  }
  return held;
}
