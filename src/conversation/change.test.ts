import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { utf8 } from '../base/index.ts';
import { encodeCanonicalJson, ProtocolError } from '../protocol/index.ts';
import { encodeMemberBody, encodeSettingBody, parseChange } from './change.ts';
import { CHANGE_BODY_BYTES_MAX } from './limits.ts';

const member = { type: 'member', stateKey: 'bob@b.example' } as const;
const join = { type: 'state', stateKey: 'join' } as const;

describe('the body of a change', () => {
  test('comes back from its bytes', () => {
    for (const role of ['owner', 'member', 'reader', 'invited', 'left', 'removed'] as const)
      expect(parseChange(member, encodeMemberBody(role))).toEqual({ type: 'member', about: member.stateKey, role });
    for (const value of ['invite', { open: 'member' }, { open: 'reader' }] as const)
      expect(parseChange(join, encodeSettingBody(value))).toEqual({ type: 'state', name: 'join', value });
  });

  test('is spelled as docs/protocol/conversation.md says', () => {
    expect(encodeMemberBody('reader')).toEqual(utf8('{"role":"reader"}'));
    expect(encodeSettingBody({ open: 'member' })).toEqual(utf8('{"value":{"open":"member"}}'));
  });

  test('is refused in every other form', () => {
    const bodies = [
      '',
      '{}',
      '[]',
      'null',
      '"owner"',
      '{"role":"king"}',
      '{"role":"owner","until":1}',
      '{"role": "owner"}',
      '{"role":null}',
      '{"value":"open"}',
      '{"value":{"open":"owner"}}',
      '{"value":{"open":"reader","until":1}}',
      '{"value":{"open":"toString"}}',
      '{"value":"closed"}',
    ];
    for (const body of bodies)
      for (const pdu of [member, join])
        expect(() => parseChange(pdu, utf8(body)), `${pdu.type} ${body}`).toThrow(ProtocolError);
  });

  test('belongs to its type and its key', () => {
    const role = encodeMemberBody('owner');
    for (const stateKey of ['', 'bob', 'Bob@b.example', 'bob@b.example ', 'join'])
      expect(() => parseChange({ type: 'member', stateKey }, role)).toThrow(ProtocolError);
    for (const stateKey of ['', 'bob@b.example', 'JOIN', 'constructor'])
      expect(() => parseChange({ type: 'state', stateKey }, encodeSettingBody('invite'))).toThrow(ProtocolError);
    expect(() => parseChange({ type: 'mail' }, role)).toThrow(ProtocolError);
  });

  test('has a limit that is checked before it is read', () => {
    const large = encodeCanonicalJson({ role: 'owner'.padEnd(CHANGE_BODY_BYTES_MAX, 'r') });
    expect(() => parseChange(member, large)).toThrow(expect.objectContaining({ code: 'too_large' }));
  });

  test('that is noise is refused, and crashes nobody', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (noise) => {
        expect(() => parseChange(member, noise)).toThrow(ProtocolError);
      }),
      { numRuns: 500 },
    );
  });
});
