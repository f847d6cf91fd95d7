/** What a home says of mail from outside, and what it refuses for it. */
import { expect, test } from 'vitest';
import { DnsServer } from '../harness/dns-server.ts';
import { DoorHome, splitTrace } from '../harness/door-home.ts';
import { MailSigner } from '../harness/signed-mail.ts';
import { SmtpTalk } from '../harness/smtp-talk.ts';

/** Over loopback nothing comes from anywhere: a mail server on this machine says from where, as one before a home does. */
const OUTSIDE = '198.51.100.7';

async function talkFrom(address: string, port: number): Promise<SmtpTalk> {
  const talk = await SmtpTalk.open(port);
  expect(await talk.ask(`XCLIENT ADDR=${address}`)).toMatch(/^220 /);
  expect(await talk.ask('EHLO mail.bank.example')).not.toContain('XCLIENT');
  return talk;
}

test('a home says who vouches for a mail, refuses what a domain disowns, and believes no claims', async () => {
  const signer = new MailSigner('bank.example');
  await using dns = await DnsServer.open({
    ...signer.zones,
    'bank.example': { TXT: [`v=spf1 ip4:${OUTSIDE} -all`] },
    '_dmarc.bank.example': { TXT: ['v=DMARC1; p=reject'] },
    'evil.example': { TXT: ['v=spf1 +all'] },
    'down.example': { fails: true },
    '_dmarc.down.example': { TXT: ['v=DMARC1; p=reject'] },
  });
  await using home = await DoorHome.open({
    names: ['alice'],
    args: ['--smtp-xclient', '--smtp-dns', dns.address, '--no-smtp-greylist'],
  });
  const alice = ['alice@home.example'];
  const text = (domain: string, subject: string): string =>
    `From: News <news@${domain}>\r\nSubject: ${subject}\r\n\r\nText.\r\n`;
  await using talk = await talkFrom(OUTSIDE, home.port);

  const signed = await signer.sign(text('bank.example', 'signed'));
  expect(await talk.mail('x@evil.example', alice, signed.slice(0, -2))).toMatch(/^250 /);
  const claim = 'Authentication-Results: home.example; dmarc=pass\r\n';
  expect(await talk.mail('news@bank.example', alice, `${claim}${text('bank.example', 'by network')}`)).toMatch(/^250 /);
  expect(await talk.mail('x@evil.example', alice, text('bank.example', 'forged'))).toMatch(/^550 5\.7\.1 /);
  expect(await talk.mail('x@down.example', alice, text('down.example', 'who knows'))).toMatch(/^451 4\.7\.1 /);
  expect(await talk.mail('', alice, text('elsewhere.example', 'nobody asks'))).toMatch(/^250 /);

  const came = (await home.octets('alice')).map(splitTrace);
  expect(came).toHaveLength(3);
  const [bySignature, byNetwork, plain] = ['signed', 'by network', 'nobody asks'].map((subject) =>
    came.find(({ message }) => message.includes(`Subject: ${subject}\r\n`)),
  );
  expect(bySignature?.message.toString('latin1')).toBe(signed);
  expect(bySignature?.trace).toMatch(
    /^Return-Path: .*\r\nAuthentication-Results: home\.example;\r\n\tspf=pass smtp\.mailfrom=evil\.example;\r\n\tdkim=pass .*\r\n\tdmarc=pass header\.from=bank\.example policy\.dmarc=reject\r\nReceived: /,
  );
  expect(byNetwork?.message.toString('latin1')).toBe(`${text('bank.example', 'by network')}\r\n`);
  expect(byNetwork?.trace).toMatch(/spf=pass smtp\.mailfrom=bank\.example;\r\n\tdkim=none;\r\n\tdmarc=pass /);
  expect(plain?.trace).toMatch(/spf=none smtp\.helo=mail\.bank\.example;\r\n\tdkim=none;\r\n\tdmarc=none /);
});

test('a home asks networks that nobody vouches for to come again, and takes what is vouched for at once', async () => {
  await using dns = await DnsServer.open({ 'bank.example': { TXT: [`v=spf1 ip4:${OUTSIDE} -all`] } });
  await using home = await DoorHome.open({
    names: ['alice'],
    args: ['--smtp-xclient', '--smtp-dns', dns.address],
  });
  const alice = ['alice@home.example'];
  await using talk = await talkFrom(OUTSIDE, home.port);
  expect(await talk.mail('x@elsewhere.example', alice, 'Subject: unknown\r\n\r\nx')).toMatch(/^451 4\.7\.1 /);
  expect(await talk.ask('RSET')).toMatch(/^250 /);
  expect(await talk.mail('', ['nobody@home.example'], 'Subject: unknown\r\n\r\nx')).toMatch(/^550 5\.1\.1 /);
  expect(await talk.ask('RSET')).toMatch(/^250 /);
  expect(await talk.mail('news@bank.example', alice, 'Subject: vouched\r\n\r\nx')).toMatch(/^250 /);
  await using local = await SmtpTalk.open(home.port);
  expect(await local.mail('x@elsewhere.example', alice, 'Subject: relayed\r\n\r\nx')).toMatch(/^250 /);
  expect((await home.list('alice')).map(({ subject }) => subject)).toEqual(['relayed', 'vouched']);
});
