import { describe, expect, test } from 'vitest';
import { TestAccount } from '../../../../test/harness/jmap/test-account.ts';

interface Part {
  readonly partId: string;
  readonly type: string;
  readonly name: string | null;
}

interface Answer {
  readonly list: Record<string, unknown>[];
  readonly notFound: string[];
}

async function get(test: TestAccount, id: string, args: object = {}): Promise<Record<string, unknown>> {
  const { list } = await test.call<Answer>('Email/get', { ids: [id], ...args });
  return list[0] ?? {};
}

const leaf = (type: string, name: string, disposition?: string): string =>
  `Content-Type: ${type}; name=${name}\n${disposition === undefined ? '' : `Content-Disposition: ${disposition}\n`}\n${name}\n`;
const multipart = (subtype: string, mark: string, ...parts: string[]): string =>
  `Content-Type: multipart/${subtype}; boundary=${mark}\n\n${parts.map((part) => `--${mark}\n${part}`).join('')}--${mark}--\n`;

describe('bodies', () => {
  test('are divided as in the example of RFC 8621', async () => {
    const test = await TestAccount.open();
    const inline = (name: string) => `Content-Type: text/plain\nContent-Disposition: inline\n\n${name}\n`;
    const id = test.deliver(
      multipart(
        'mixed',
        'm1',
        inline('A'),
        multipart(
          'mixed',
          'm2',
          multipart(
            'alternative',
            'm3',
            multipart('mixed', 'm4', inline('B'), leaf('image/jpeg', 'C', 'inline'), inline('D')),
            multipart('related', 'm5', 'Content-Type: text/html\n\nE\n', leaf('image/jpeg', 'F')),
          ),
          leaf('image/jpeg', 'G', 'attachment'),
          leaf('application/x-excel', 'H'),
          'Content-Type: message/rfc822; name=J\n\nSubject: J\n\nJ\n',
        ),
        inline('K'),
      ),
    );
    const email = await get(test, id, {
      fetchAllBodyValues: true,
      properties: ['textBody', 'htmlBody', 'attachments', 'bodyValues', 'hasAttachment', 'bodyStructure'],
    });
    const values = email.bodyValues as Record<string, { value: string }>;
    const names = (parts: unknown) =>
      (parts as Part[]).map(({ partId, name }) => name ?? values[partId]?.value.trim()).join('');
    expect([names(email.textBody), names(email.htmlBody), names(email.attachments)]).toEqual(['ABCDK', 'AEK', 'CFGHJ']);
    expect(email.hasAttachment).toBe(true);
  });

  test('are decoded, with what was wrong told, and line breaks as LF', async () => {
    const test = await TestAccount.open();
    const value = async (raw: string | Uint8Array) => {
      const { bodyValues } = await get(test, test.deliver(raw), { fetchTextBodyValues: true });
      return (bodyValues as Record<string, unknown>)['1'];
    };
    const fine = { isEncodingProblem: false, isTruncated: false };
    expect(
      await value(
        'Content-Type: text/plain; charset=iso-8859-1\nContent-Transfer-Encoding: quoted-printable\n\n=E4=\nb\nc',
      ),
    ).toEqual({ value: 'äb\nc', ...fine });
    expect(await value('Content-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: base64\n\nw6TD')).toEqual({
      ...fine,
      value: 'ä\ufffd',
      isEncodingProblem: true,
    });
    expect(await value('Content-Type: text/plain; charset=klingon\n\na')).toEqual({
      ...fine,
      value: 'a',
      isEncodingProblem: true,
    });
    expect(await value('Content-Transfer-Encoding: x-own\n\na')).toEqual({
      ...fine,
      value: 'a',
      isEncodingProblem: true,
    });
    expect(await value('Content-Type: text/plain; charset=utf-7\n\n+AOQ- b')).toEqual({ value: 'ä b', ...fine });
  });

  test.each([
    ['text/plain', 'äöü', 3, 'ä'],
    ['text/plain', 'a\u{1f600}b', 4, 'a'],
    ['text/html', '<p>abc <a href="x">d</a>', 15, '<p>abc '],
    ['text/html', '<p>abc</p>', 0, '<p>abc</p>'],
    ['text/plain', '<p>abc', 2, '<p'],
  ])('%s %s is cut at %i octets to whole characters and tags', async (type, text, maxBodyValueBytes, value) => {
    const test = await TestAccount.open();
    const id = test.deliver(`Content-Type: ${type}; charset=utf-8\n\n${text}`);
    const { bodyValues } = await get(test, id, { fetchAllBodyValues: true, maxBodyValueBytes });
    expect(bodyValues).toMatchObject({ 1: { value, isTruncated: value !== text } });
  });

  test('tell every property of a part that is asked for', async () => {
    const test = await TestAccount.open();
    const id = test.deliver(
      "Content-Type: image/PNG (comment); name=old.png\nContent-Disposition: Inline;\n filename*0*=utf-8''%C3%A4;\n filename*1=.png\nContent-ID: <c@d>\nContent-Language: de, en-GB\nContent-Location: https://x.example/\n a\nX-Own: 1\nX-Own: 2\n\nxyz",
    );
    const properties = [
      'partId',
      'size',
      'name',
      'type',
      'charset',
      'disposition',
      'cid',
      'language',
      'location',
      'subParts',
      'header:x-own:all',
      'header:Nothing',
    ];
    const { bodyStructure } = await get(test, id, { properties: ['bodyStructure'], bodyProperties: properties });
    expect(bodyStructure).toEqual({
      partId: '1',
      size: 3,
      name: 'ä.png',
      type: 'image/png',
      charset: null,
      disposition: 'inline',
      cid: 'c@d',
      language: ['de', 'en-GB'],
      location: 'https://x.example/a',
      subParts: null,
      'header:x-own:all': [' 1', ' 2'],
      'header:Nothing': null,
    });
  });

  test('have their own kind within a digest', async () => {
    const test = await TestAccount.open();
    const id = test.deliver(multipart('digest', 'd', '\nSubject: a\n\nb\n'));
    const { attachments } = await get(test, id);
    expect(attachments).toMatchObject([{ type: 'message/rfc822', charset: 'us-ascii' }]);
  });
});

describe('headers', () => {
  test('are shown as they are asked for', async () => {
    const test = await TestAccount.open();
    const id = test.deliver('Resent-To: a@b\nRESENT-to: c@d\nSubject:  two\nSubject: one \n\n');
    const names = [
      'header:resent-TO:asAddresses:all',
      'header:Resent-To',
      'header:None:all',
      'header:None:asText',
      'subject',
      'headers',
    ];
    expect(await get(test, id, { properties: names })).toEqual({
      id,
      'header:resent-TO:asAddresses:all': [[{ name: null, email: 'a@b' }], [{ name: null, email: 'c@d' }]],
      'header:Resent-To': ' c@d',
      'header:None:all': [],
      'header:None:asText': null,
      subject: 'one ',
      headers: [
        { name: 'Resent-To', value: ' a@b' },
        { name: 'RESENT-to', value: ' c@d' },
        { name: 'Subject', value: '  two' },
        { name: 'Subject', value: ' one ' },
      ],
    });
  });

  test.each([
    'header:From:asDate',
    'header:From:asNothing',
    'header:',
    'header:a b',
    'header:From:all:asText',
    'colour',
  ])('are not shown as %s', async (property) => {
    const test = await TestAccount.open();
    await expect(test.call('Email/get', { ids: [], properties: [property] })).rejects.toThrow('invalidArguments');
  });

  test('of emails that are not there are told apart, each id once', async () => {
    const test = await TestAccount.open();
    const id = test.deliver('Subject: a\n\n');
    const { list, notFound } = await test.call<Answer>('Email/get', { ids: [id, 'x', id, 'x'], properties: [] });
    expect([list, notFound]).toEqual([[{ id }], ['x']]);
    const tooMany = Array.from({ length: 1001 }, (_, n) => `x${n}`);
    await expect(test.call('Email/get', { ids: tooMany })).rejects.toThrow('requestTooLarge');
  });
});
