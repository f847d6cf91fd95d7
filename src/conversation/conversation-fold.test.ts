import { describe, expect, test } from 'vitest';
import { addressOf, ConversationWriter, type WrittenPdu } from '../../test/harness/conversation-writer.ts';
import { ConversationFold } from './conversation-fold.ts';

/** A conversation of alice (who founds it), bob and carol, with bob an owner too. */
function setup() {
  const write = new ConversationWriter(1);
  const founding = write.found('alice', ['bob', 'carol']);
  const bobOwns = write.member('alice', 'bob', 'owner', [founding]);
  const start = [founding, bobOwns];
  const fold = (...pdus: WrittenPdu[]) => {
    const conversation = new ConversationFold(write.conversation);
    conversation.add([...start, ...pdus]);
    return conversation;
  };
  return { write, founding, bobOwns, start, fold };
}

function rolesOf(fold: ConversationFold): Record<string, string> {
  return Object.fromEntries(
    [...fold.state.members].map(([address, { role }]) => [address.split('@')[0] as string, role]),
  );
}

describe('roles', () => {
  test('who founds a conversation owns it, and the recipients of the first mail are members', () => {
    const { write, founding } = setup();
    const fold = new ConversationFold(write.conversation);
    expect(fold.state).toEqual({ founder: undefined, founding: undefined, members: new Map(), settings: {} });
    fold.add([founding]);
    expect(fold.state.founder).toBe(addressOf('alice'));
    expect(fold.state.founding).toBe(founding.pdu.id);
    expect(rolesOf(fold)).toEqual({ alice: 'owner', bob: 'member', carol: 'member' });
    expect(fold.state.members.get(addressOf('bob'))?.by).toBe(founding.pdu.id);
  });

  test('only owners change the roles of others, invite, remove and set state', () => {
    const { write, bobOwns, fold } = setup();
    for (const [author, counts] of [
      ['alice', true],
      ['bob', true],
      ['carol', false],
      ['mallory', false],
    ] as const) {
      const acts = [
        write.member(author, 'dave', 'member', [bobOwns]),
        write.member(author, 'dave', 'reader', [bobOwns]),
        write.member(author, 'dave', 'invited', [bobOwns]),
        write.member(author, 'carol', 'reader', [bobOwns]),
        write.join(author, { open: 'reader' }, [bobOwns]),
      ].filter(({ pdu }) => pdu.stateKey !== pdu.author);
      for (const act of acts) {
        expect(fold(act).counts(act.pdu.id)).toBe(counts);
        expect(fold().allows(act)).toBe(counts ? 'allowed' : 'refused');
      }
    }
  });

  test('owners and members write mail, readers and strangers do not', () => {
    const { write, bobOwns, fold } = setup();
    const reader = write.member('alice', 'dave', 'reader', [bobOwns]);
    for (const [author, counts] of [
      ['alice', true],
      ['carol', true],
      ['dave', false],
      ['mallory', false],
    ] as const) {
      const mail = write.mail(author, [reader]);
      expect(fold(reader, mail).counts(mail.pdu.id)).toBe(counts);
      expect(fold(reader).allows(mail)).toBe(counts ? 'allowed' : 'refused');
    }
  });

  test('anyone may leave, and speaks no more', () => {
    const { write, bobOwns, fold } = setup();
    const leave = write.member('carol', 'carol', 'left', [bobOwns]);
    const after = write.mail('carol', [leave]);
    expect(rolesOf(fold(leave))).toMatchObject({ carol: 'left' });
    expect(fold(leave, after).counts(after.pdu.id)).toBe(false);
    const stranger = write.member('dave', 'dave', 'left', [bobOwns]);
    expect(fold(stranger).counts(stranger.pdu.id)).toBe(false);
    const forced = write.member('alice', 'carol', 'left', [bobOwns]);
    expect(fold(forced).counts(forced.pdu.id)).toBe(false);
  });

  test('one may be less than one was, never more', () => {
    const { write, bobOwns, fold } = setup();
    expect(rolesOf(fold(write.member('bob', 'bob', 'reader', [bobOwns])))).toMatchObject({ bob: 'reader' });
    expect(rolesOf(fold(write.member('carol', 'carol', 'owner', [bobOwns])))).toMatchObject({ carol: 'member' });
    const less = write.member('carol', 'carol', 'reader', [bobOwns]);
    const more = write.member('carol', 'carol', 'member', [less]);
    expect(rolesOf(fold(less, more))).toMatchObject({ carol: 'reader' });
  });

  test('a change that would change nothing does not count, so nobody becomes younger by it', () => {
    const { write, bobOwns, fold } = setup();
    const again = write.member('bob', 'alice', 'owner', [bobOwns]);
    expect(fold(again).counts(again.pdu.id)).toBe(false);
  });

  test('a body that is no change has a place and no effect', () => {
    const { write, bobOwns, fold } = setup();
    const odd = { ...write.member('alice', 'dave', 'member', [bobOwns]), body: new Uint8Array([1]) };
    const mail = write.mail('carol', [odd]);
    const conversation = fold(odd, mail);
    expect(conversation.counts(odd.pdu.id)).toBe(false);
    expect(conversation.allows(odd)).toBe('refused');
    expect(conversation.counts(mail.pdu.id)).toBe(true);
    expect(rolesOf(conversation)).not.toHaveProperty('dave');
  });
});

describe('joining', () => {
  test('who is invited joins as a member or a reader, once', () => {
    const { write, bobOwns, fold } = setup();
    const invited = write.member('bob', 'dave', 'invited', [bobOwns]);
    for (const role of ['member', 'reader'] as const)
      expect(rolesOf(fold(invited, write.member('dave', 'dave', role, [invited])))).toMatchObject({ dave: role });
    expect(rolesOf(fold(invited, write.member('dave', 'dave', 'owner', [invited])))).toMatchObject({ dave: 'invited' });
    expect(rolesOf(fold(invited, write.member('erin', 'erin', 'member', [invited])))).not.toHaveProperty('erin');
    expect(rolesOf(fold(invited, write.member('dave', 'dave', 'left', [invited])))).toMatchObject({ dave: 'left' });
  });

  test('an invitation that was taken back unseen is worth nothing', () => {
    const { write, bobOwns, fold } = setup();
    const invited = write.member('bob', 'dave', 'invited', [bobOwns]);
    const taken = write.member('alice', 'dave', 'removed', [invited]);
    const joined = write.member('dave', 'dave', 'member', [invited]);
    const talked = write.mail('dave', [joined]);
    const conversation = fold(invited, joined, talked, taken);
    expect(rolesOf(conversation)).toMatchObject({ dave: 'removed' });
    expect(conversation.counts(talked.pdu.id)).toBe(false);
  });

  test('where it is open everybody joins, as no more than it is open for, and not when removed', () => {
    const { write, bobOwns, fold } = setup();
    const open = write.join('alice', { open: 'reader' }, [bobOwns]);
    expect(fold(open).state.settings).toEqual({ join: { open: 'reader' } });
    const ban = write.member('alice', 'mallory', 'removed', [open]);
    const roles = rolesOf(
      fold(
        open,
        ban,
        write.member('dave', 'dave', 'reader', [ban]),
        write.member('erin', 'erin', 'member', [ban]),
        write.member('mallory', 'mallory', 'reader', [ban]),
        write.member('mallory', 'mallory', 'reader', [open]),
      ),
    );
    expect(roles).toMatchObject({ dave: 'reader', mallory: 'removed' });
    expect(roles).not.toHaveProperty('erin');
  });

  test('nobody joins by dating back to when it was open', () => {
    const { write, bobOwns, fold } = setup();
    const open = write.join('alice', { open: 'member' }, [bobOwns]);
    const early = write.member('dave', 'dave', 'member', [open]);
    const closed = write.join('bob', 'invite', [early]);
    const backDated = write.member('mallory', 'mallory', 'member', [open]);
    const conversation = fold(open, early, closed, backDated);
    expect(rolesOf(conversation)).toMatchObject({ dave: 'member' });
    expect(rolesOf(conversation)).not.toHaveProperty('mallory');
    expect(conversation.allows(backDated)).toBe('allowed');
  });

  test('who left comes back by invitation, who was removed when an owner adds them', () => {
    const { write, bobOwns, fold } = setup();
    const left = write.member('carol', 'carol', 'left', [bobOwns]);
    const invited = write.member('alice', 'carol', 'invited', [left]);
    const back = write.member('carol', 'carol', 'member', [invited]);
    expect(rolesOf(fold(left, invited, back))).toMatchObject({ carol: 'member' });
    const removed = write.member('alice', 'carol', 'removed', [bobOwns]);
    const added = write.member('bob', 'carol', 'member', [removed]);
    const mail = write.mail('carol', [added]);
    expect(fold(removed, added, mail).counts(mail.pdu.id)).toBe(true);
  });
});

describe('clobbering', () => {
  test('of two changes that had not seen each other the deeper holds, then the higher id', () => {
    const { write, bobOwns, fold } = setup();
    const low = write.join('alice', { open: 'reader' }, [bobOwns], '01');
    const high = write.join('bob', { open: 'member' }, [bobOwns], 'fe');
    expect(fold(high, low).state.settings).toEqual({ join: { open: 'member' } });
    const deeper = write.join('alice', 'invite', [write.mail('alice', [bobOwns])], '00');
    expect(fold(high, low, deeper).state.settings).toEqual({ join: { open: 'member' } });
    expect(fold(high, low, deeper).missing).toHaveLength(1);
  });
});

describe('removal', () => {
  test('ends what the removed person says without having been seen, however deep or shallow', () => {
    const { write, bobOwns, fold } = setup();
    const seen = write.mail('carol', [bobOwns]);
    const talk = write.mail('alice', [seen]);
    const removal = write.member('alice', 'carol', 'removed', [talk]);
    const backDated = write.mail('carol', [bobOwns]);
    const deep = [write.mail('carol', [seen])];
    for (let i = 0; i < 5; i++) deep.push(write.mail('carol', [deep.at(-1) as WrittenPdu]));
    const conversation = fold(seen, talk, removal, backDated, ...deep);
    expect(conversation.counts(seen.pdu.id)).toBe(true);
    expect([backDated, ...deep].map(({ pdu }) => conversation.counts(pdu.id))).not.toContain(true);
  });

  test('ends what the removed owner did unseen, and what others did by that', () => {
    const { write, bobOwns, fold } = setup();
    const removal = write.member('alice', 'bob', 'removed', [bobOwns]);
    const puppet = write.member('bob', 'mallory', 'owner', [bobOwns]);
    const spoil = write.member('mallory', 'carol', 'removed', [puppet]);
    expect(rolesOf(fold(puppet, spoil))).toMatchObject({ mallory: 'owner', carol: 'removed' });
    expect(rolesOf(fold(puppet, spoil, removal))).toEqual({ alice: 'owner', bob: 'removed', carol: 'member' });
  });

  test('a demoted owner cannot act as one by dating back', () => {
    const { write, bobOwns, fold } = setup();
    const demotion = write.member('alice', 'bob', 'member', [bobOwns]);
    const act = write.member('bob', 'carol', 'removed', [bobOwns]);
    const mail = write.mail('bob', [bobOwns]);
    const conversation = fold(demotion, act, mail);
    expect(conversation.counts(act.pdu.id)).toBe(false);
    expect(conversation.counts(mail.pdu.id)).toBe(true);
  });

  test('a removed person who leaves unseen stays removed', () => {
    const { write, bobOwns, fold } = setup();
    const removal = write.member('alice', 'carol', 'removed', [bobOwns]);
    const leave = write.member('carol', 'carol', 'left', [write.mail('carol', [bobOwns])]);
    expect(rolesOf(fold(removal, leave))).toMatchObject({ carol: 'removed' });
  });

  test('a removal that does not count itself takes nothing (a chain of three)', () => {
    const { write, bobOwns, fold } = setup();
    const carolOwns = write.member('alice', 'carol', 'owner', [bobOwns]);
    const aliceRemovesBob = write.member('alice', 'bob', 'removed', [carolOwns]);
    const bobRemovesCarol = write.member('bob', 'carol', 'removed', [carolOwns]);
    const carolAdds = write.member('carol', 'dave', 'member', [carolOwns]);
    expect(rolesOf(fold(carolOwns, bobRemovesCarol, carolAdds))).not.toHaveProperty('dave');
    expect(rolesOf(fold(carolOwns, bobRemovesCarol, carolAdds, aliceRemovesBob))).toEqual({
      alice: 'owner',
      bob: 'removed',
      carol: 'owner',
      dave: 'member',
    });
  });

  test('of two owners who remove each other the elder stays, whatever ids and depths the younger finds', () => {
    const { write, bobOwns, fold } = setup();
    const byAlice = write.member('alice', 'bob', 'removed', [bobOwns], 'ff');
    for (const at of [bobOwns, write.mail('bob', [bobOwns])]) {
      const byBob = write.member('bob', 'alice', 'removed', [at], '00');
      const extra = at === bobOwns ? [] : [at];
      const conversation = fold(byAlice, byBob, ...extra);
      expect(rolesOf(conversation)).toEqual({ alice: 'owner', bob: 'removed', carol: 'member' });
      expect(conversation.counts(byBob.pdu.id)).toBe(false);
    }
  });

  test('a removed owner does not win through somebody made owner unseen', () => {
    const { write, bobOwns, fold } = setup();
    const removal = write.member('alice', 'bob', 'removed', [bobOwns], 'ff');
    const puppet = write.member('bob', 'mallory', 'owner', [bobOwns], '00');
    const revenge = write.member('mallory', 'alice', 'removed', [puppet], '00');
    expect(rolesOf(fold(removal, puppet, revenge))).toEqual({ alice: 'owner', bob: 'removed', carol: 'member' });
  });

  test('removals in a ring are decided by the eldest', () => {
    const { write, bobOwns, fold } = setup();
    const carolOwns = write.member('alice', 'carol', 'owner', [bobOwns]);
    const ring = [
      write.member('alice', 'bob', 'removed', [carolOwns]),
      write.member('bob', 'carol', 'removed', [carolOwns]),
      write.member('carol', 'alice', 'removed', [carolOwns]),
    ];
    expect(rolesOf(fold(carolOwns, ...ring))).toEqual({ alice: 'removed', bob: 'removed', carol: 'owner' });
  });
});

describe('founding', () => {
  test('a second founding mail adds its recipients and takes nothing away', () => {
    const { write, founding, fold } = setup();
    const second = write.found('alice', ['dave'], '00');
    const conversation = fold(second);
    expect(conversation.state.founding).toBe(second.pdu.id);
    expect(second.pdu.id < founding.pdu.id).toBe(true);
    expect(rolesOf(conversation)).toEqual({ alice: 'owner', bob: 'owner', carol: 'member', dave: 'member' });
  });
});
