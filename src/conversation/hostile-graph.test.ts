import { describe, expect, test } from 'vitest';
import { ConversationWriter, type WrittenPdu } from '../../test/harness/conversation-writer.ts';
import { parsePduId } from '../protocol/index.ts';
import { ConversationFold } from './conversation-fold.ts';
import { CHANGES_MAX, REFUSED_IDS_MAX, WAITING_PDUS_MAX } from './limits.ts';

function setup() {
  const write = new ConversationWriter(3);
  const founding = write.found('alice', ['bob', 'carol']);
  const fold = new ConversationFold(write.conversation);
  return { write, founding, fold };
}

const last = (pdus: readonly WrittenPdu[]): WrittenPdu => pdus.at(-1) as WrittenPdu;

/** A chain of mail behind `first`. */
function chainOf(write: ConversationWriter, first: WrittenPdu, length: number): WrittenPdu[] {
  const chain = [first];
  while (chain.length < length) chain.push(write.mail('bob', [last(chain)]));
  return chain;
}

/** CPU time: other programs of this machine do not count. */
function cpuMsOf(work: () => void): number {
  const before = process.cpuUsage();
  work();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1000;
}

function withDepth(written: WrittenPdu, depth: number): WrittenPdu {
  return { ...written, pdu: { ...written.pdu, depth } };
}

describe('what cannot be admitted', () => {
  test('a wrong depth is refused, and all that follows it, before and after it is known', () => {
    const { write, founding, fold } = setup();
    for (const depth of [1, 3, 2 ** 52]) {
      const wrong = withDepth(write.mail('bob', [founding]), depth);
      const after = write.mail('bob', [wrong]);
      const deeper = write.mail('bob', [after]);
      expect(fold.add([deeper, after])).toEqual(['waiting', 'waiting']);
      expect(fold.missing).toContain(wrong.pdu.id);
      expect(fold.add([founding, wrong]).at(-1)).toBe('bad_depth');
      expect(fold.add([after, deeper, write.mail('bob', [wrong])])).toEqual(['bad_parent', 'bad_parent', 'bad_parent']);
    }
    expect(fold.missing).toEqual([]);
    expect(fold.waiting).toEqual([]);
    expect(fold.tips).toEqual([founding.pdu.id]);
  });

  test('what follows nothing founds nothing without the nonce', () => {
    const { write, founding, fold } = setup();
    const rootless = write.mail('alice', []);
    const change = write.member('alice', 'dave', 'owner', []);
    expect(fold.add([rootless, change, write.mail('bob', [rootless]), founding])).toEqual([
      'no_founder',
      'no_founder',
      'bad_parent',
      'admitted',
    ]);
    expect(fold.size).toBe(1);
  });

  test('a PDU of another conversation, and a note, are foreign', () => {
    const { write, founding } = setup();
    const other = new ConversationFold('ff'.repeat(16) as typeof write.conversation);
    expect(other.add([founding])).toEqual(['foreign']);
    const { fold } = setup();
    expect(fold.add([{ ...founding, pdu: { ...founding.pdu, type: 'note' } }])).toEqual(['foreign']);
  });

  test('a change waits for its body, and is missing until then', () => {
    const { write, founding, fold } = setup();
    const change = write.member('alice', 'dave', 'member', [founding]);
    const after = write.mail('dave', [change]);
    expect(fold.add([founding, { pdu: change.pdu }, after])).toEqual(['admitted', 'no_body', 'waiting']);
    expect(fold.missing).toEqual([change.pdu.id]);
    expect(fold.allows({ pdu: change.pdu })).toBe('no_body');
    expect(fold.add([change])).toEqual(['admitted']);
    expect(fold.counts(after.pdu.id)).toBe(true);
    expect(fold.missing).toEqual([]);
  });

  test('a duplicate is one, admitted or waiting', () => {
    const { write, founding, fold } = setup();
    const mail = write.mail('bob', [founding]);
    expect(fold.add([mail, mail, founding, mail])).toEqual(['admitted', 'duplicate', 'admitted', 'duplicate']);
  });
});

describe('floods', () => {
  test('those that wait are bounded, what follows what is here is admitted all the same', () => {
    const { write, founding, fold } = setup();
    const lost = write.mail('bob', [founding]);
    const flood = Array.from({ length: WAITING_PDUS_MAX + 10 }, () => write.mail('mallory', [lost]));
    const placed = fold.add([founding, ...flood]);
    expect(placed.filter((placement) => placement === 'full')).toHaveLength(10);
    expect(fold.missing).toEqual([lost.pdu.id]);
    const mail = write.mail('bob', [founding]);
    expect(fold.add([mail])).toEqual(['admitted']);
    expect(fold.counts(mail.pdu.id)).toBe(true);
  });

  test('refused ids are forgotten one by one, and refused again', () => {
    const { write, founding, fold } = setup();
    const wrong = Array.from({ length: REFUSED_IDS_MAX + 5 }, () => withDepth(write.mail('bob', [founding]), 7));
    expect(new Set(fold.add([founding, ...wrong]).slice(1))).toEqual(new Set(['bad_depth']));
    expect(new Set(fold.add(wrong))).toEqual(new Set(['bad_depth']));
    expect(fold.size).toBe(1);
  });

  test("strangers' changes are not weighed; beyond the limit nobody's are, and mail goes on", () => {
    const { write, founding, fold } = setup();
    const strangers = Array.from({ length: CHANGES_MAX }, () =>
      write.member('mallory', 'mallory', 'owner', [founding]),
    );
    const added = write.member('alice', 'dave', 'member', [founding]);
    fold.add([founding, ...strangers, added]);
    expect(fold.isFull).toBe(false);
    expect(fold.isMember(last([added]).pdu.stateKey as typeof founding.pdu.author)).toBe(true);
    const chain = [added];
    for (let i = 0; i < CHANGES_MAX; i++)
      chain.push(write.member('alice', `guest${i}@g.example`, 'member', [last(chain)]));
    fold.add(chain);
    expect(fold.isFull).toBe(true);
    expect(fold.counts(last(chain).pdu.id)).toBe(false);
    expect(fold.allows(write.member('alice', 'erin', 'member', [last(chain)]))).toBe('refused');
    const mail = write.mail('bob', [last(chain)]);
    expect(fold.allows(mail)).toBe('allowed');
    fold.add([mail]);
    expect(fold.counts(mail.pdu.id)).toBe(true);
  });
});

describe('cost', () => {
  test('10 000 PDUs fold in well under a second, whether first or last comes first', () => {
    const { write, founding } = setup();
    const chain = chainOf(write, founding, 10_000);
    const expected = foldOf(write, chain).order;
    for (const order of [chain, chain.toReversed()]) {
      const fold = new ConversationFold(write.conversation);
      const ms = cpuMsOf(() => {
        fold.add(order);
        expect(fold.isMember(founding.pdu.author)).toBe(true);
      });
      expect(fold.order).toEqual(expected);
      expect(ms).toBeLessThan(1_000);
    }
  });

  test('appending to 10 000 costs well under a millisecond, a change that follows everything too', () => {
    const { write, founding } = setup();
    const chain = chainOf(write, founding, 10_000);
    const fold = foldOf(write, chain);
    const end = last(chain);
    const more = [end];
    for (let i = 0; i < 500; i++)
      more.push(i % 10 === 0 ? write.join('alice', 'invite', [last(more)]) : write.mail('bob', [last(more)]));
    const ms = cpuMsOf(() => {
      for (const written of more.slice(1)) {
        expect(fold.allows(written)).toBe('allowed');
        fold.add([written]);
        expect(fold.counts(written.pdu.id)).toBe(true);
        expect(fold.tips).toEqual([written.pdu.id]);
        expect(fold.isMember(founding.pdu.author)).toBe(true);
      }
    });
    expect(ms / 500).toBeLessThan(1);
  });

  test('a wide graph, each PDU after twenty, is not quadratic', () => {
    const { write, founding } = setup();
    const wide = [founding];
    for (let i = 0; i < 10_000; i++) {
      const prev = Array.from({ length: 20 }, (_, j) => wide[Math.max(0, wide.length - 1 - j * 37)] as WrittenPdu);
      wide.push(write.mail('bob', [...new Set(prev)]));
    }
    const ms = cpuMsOf(() => expect(foldOf(write, wide.toReversed()).size).toBe(10_001));
    expect(ms).toBeLessThan(3_000);
  });

  test('owners who remove each other by the thousand, unseen, are judged in seconds', { timeout: 60_000 }, () => {
    const { write, founding } = setup();
    const bobOwns = write.member('alice', 'bob', 'owner', [founding]);
    const carolOwns = write.member('alice', 'carol', 'owner', [bobOwns]);
    const fight = [founding, bobOwns, carolOwns];
    while (fight.length < CHANGES_MAX - 2) {
      const [author, about] = fight.length % 2 === 0 ? ['bob', 'carol'] : ['carol', 'bob'];
      fight.push(write.member(author as string, about as string, 'removed', [carolOwns]));
    }
    const mails = Array.from({ length: 4_000 }, (_, i) => write.mail(i % 2 === 0 ? 'bob' : 'carol', [carolOwns]));
    const fold = new ConversationFold(write.conversation);
    const ms = cpuMsOf(() => {
      fold.add([...fight, ...mails]);
      expect(fold.counts((mails[0] as WrittenPdu).pdu.id)).toBe(true);
    });
    expect(fold.counts((mails[1] as WrittenPdu).pdu.id)).toBe(false);
    expect(ms).toBeLessThan(8_000);
  });

  test('many who leave a large open conversation are judged in well under a second', () => {
    const { write, founding } = setup();
    const open = write.join('alice', { open: 'member' }, [founding]);
    const chain = [founding, open];
    for (let i = 0; i < 1_000; i++) {
      const guest = `guest${i}@g.example`;
      const joined = write.member(guest, guest, 'member', [open]);
      const mail = write.mail(guest, [joined]);
      chain.push(joined, mail, write.member(guest, guest, 'left', [mail]));
    }
    const ms = cpuMsOf(() => expect(foldOf(write, chain).state.members.size).toBe(1_003));
    expect(ms).toBeLessThan(2_000);
  });
});

function foldOf(write: ConversationWriter, pdus: readonly WrittenPdu[]): ConversationFold {
  const fold = new ConversationFold(write.conversation);
  fold.add(pdus);
  return fold;
}

test('an id that nobody has is missing, once, in its order', () => {
  const { write, founding, fold } = setup();
  const [a, b] = ['aa', 'bb'].map((start) => write.mail('bob', [founding], start)) as [WrittenPdu, WrittenPdu];
  fold.add([founding, write.mail('bob', [b, a]), write.mail('carol', [b])]);
  expect(fold.missing).toEqual([a.pdu.id, b.pdu.id].map((id) => parsePduId(id)));
});
