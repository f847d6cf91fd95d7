/**
 * Conversations as a dispute makes them: everybody, with or without the right, writes, adds, removes, demotes, leaves and
 * joins, on what they happened to see last, on everything, or on something long past.
 */
import { SeededPrng } from '../../src/base/index.ts';
import type { Role } from '../../src/conversation/index.ts';
import { ConversationWriter, type WrittenPdu } from './conversation-writer.ts';

const PEOPLE = ['alice', 'bob', 'carol', 'dave', 'erin', 'mallory'] as const;
const ROLES: readonly Role[] = [
  'owner',
  'owner',
  'member',
  'reader',
  'invited',
  'left',
  'removed',
  'removed',
  'removed',
];

/** In the order of writing: each after all it follows. */
export function randomConversation(seed: number, length: number): readonly WrittenPdu[] {
  const prng = new SeededPrng(seed);
  const write = new ConversationWriter(seed);
  const pick = <Item>(items: readonly Item[]): Item => items[prng.below(items.length)] as Item;
  const founding = write.found('alice', ['bob', 'carol', 'dave']);
  const written = [founding];
  if (prng.next() < 0.05) written.push(write.found('alice', ['erin']));
  // Disputes need several who may remove.
  for (const name of ['bob', 'carol'])
    if (prng.next() < 0.8) written.push(write.member('alice', name, 'owner', [written.at(-1) as WrittenPdu]));
  while (written.length < length) {
    const author = pick(PEOPLE);
    const prev = placesOf(written, prng);
    const act = prng.next();
    if (act < 0.3) written.push(write.mail(author, prev));
    else if (act < 0.75) written.push(write.member(author, pick(PEOPLE), pick(ROLES), prev));
    else if (act < 0.9) written.push(write.member(author, author, pick(['left', 'member', 'reader'] as const), prev));
    else written.push(write.join(author, pick(['invite', { open: 'member' }, { open: 'reader' }] as const), prev));
  }
  return written;
}

function placesOf(written: readonly WrittenPdu[], prng: SeededPrng): readonly WrittenPdu[] {
  const kind = prng.next();
  if (kind < 0.35) return tipsOf(written);
  const recent = kind < 0.7 ? written.slice(-6) : written;
  const count = 1 + prng.below(3);
  return [...new Set(Array.from({ length: count }, () => recent[prng.below(recent.length)] as WrittenPdu))];
}

function tipsOf(written: readonly WrittenPdu[]): readonly WrittenPdu[] {
  const followed = new Set(written.flatMap(({ pdu }) => pdu.prev));
  return written.filter(({ pdu }) => !followed.has(pdu.id)).slice(0, 20);
}
