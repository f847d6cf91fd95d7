/**
 * The records that a home wants in DNS, and the one file that must answer under its name. Pure: what is said follows from what
 * the home does. Where it sends nothing by SMTP, its records say so to whoever gets mail in its name.
 */
import type { HomeName } from '../protocol/index.ts';
import { type DkimKey, dkimRecordOf } from './outbound/dkim.ts';
import { ownPolicyId } from './own-policy.ts';

export interface HomePlace {
  readonly home: HomeName;
  /** The machine's name, under which nodes and the door answer. */
  readonly host: string;
  /** Of the node, by HTTPS. */
  readonly port: number;
  /** Whether an SMTP door is open on that machine. */
  readonly hasDoor: boolean;
  /** What signs the ordinary mail of its people; empty: the home sends none. */
  readonly dkim: readonly DkimKey[];
  /** The MTA-STS policy that its node answers with; undefined: none. */
  readonly stsPolicy: string | undefined;
}

export interface DnsRecord {
  /** With the final dot. */
  readonly name: string;
  readonly type: 'CNAME' | 'MX' | 'SRV' | 'TXT';
  /** As a zone file has it. */
  readonly value: string;
  readonly why: string;
}

export function dnsRecordsOf(place: HomePlace): readonly DnsRecord[] {
  const { dkim, hasDoor, home, host, port, stsPolicy } = place;
  const mx = hasDoor
    ? { value: `10 ${host}.`, why: 'Mail servers bring mail for this home to its door.' }
    : { value: '0 .', why: 'This home has no SMTP door: mail servers tell their senders at once (RFC 7505).' };
  return [
    {
      name: `_restante._tcp.${home}.`,
      type: 'SRV',
      value: `10 10 ${port} ${host}.`,
      why: `Other homes find this one, and know while it is down that it is a home: nobody writes to it in the clear.`,
    },
    { name: `${home}.`, type: 'MX', ...mx },
    ...(stsPolicy === undefined ? [] : policyRecords(place, stsPolicy)),
    ...(dkim.length > 0 ? sendingRecords(place) : silentRecords(home)),
  ];
}

function policyRecords({ home, host }: HomePlace, policy: string): readonly DnsRecord[] {
  return [
    {
      name: `mta-sts.${home}.`,
      type: 'CNAME',
      value: `${host}.`,
      why: 'Mail servers ask there, by HTTPS at port 443, how mail may be brought (MTA-STS).',
    },
    {
      name: `_mta-sts.${home}.`,
      type: 'TXT',
      value: quoted(`v=STSv1; id=${ownPolicyId(policy)}`),
      why: 'Which policy they find there: set it when that answers.',
    },
  ];
}

function sendingRecords({ dkim, home, host }: HomePlace): readonly DnsRecord[] {
  return [
    {
      name: `${home}.`,
      type: 'TXT',
      value: quoted(`v=spf1 mx a:${host} -all`),
      why: 'Ordinary mail of this home comes from its machine. Through a relay: add what its operator says, as include:….',
    },
    {
      name: `_dmarc.${home}.`,
      type: 'TXT',
      value: quoted('v=DMARC1; p=quarantine; adkim=s; aspf=s'),
      why: 'Mail in its name that neither comes from there nor is signed is junk.',
    },
    ...dkim.map(
      (key): DnsRecord => ({
        name: `${key.selector}._domainkey.${home}.`,
        type: 'TXT',
        value: quoted(dkimRecordOf(key)),
        why: `The ${key.algorithm === 'rsa' ? 'RSA' : 'Ed25519'} key that signs it (DKIM).`,
      }),
    ),
  ];
}

function silentRecords(home: HomeName): readonly DnsRecord[] {
  return [
    {
      name: `${home}.`,
      type: 'TXT',
      value: quoted('v=spf1 -all'),
      why: 'This home sends nothing by SMTP: what comes so in its name is forged.',
    },
    {
      name: `_dmarc.${home}.`,
      type: 'TXT',
      value: quoted('v=DMARC1; p=reject; adkim=s; aspf=s'),
      why: 'Whoever gets such a mail refuses it.',
    },
    {
      name: `*._domainkey.${home}.`,
      type: 'TXT',
      value: quoted('v=DKIM1; p='),
      why: 'No key signs mail of this home for SMTP.',
    },
  ];
}

/** Of characters that a zone file takes as they are; in strings of at most 255, which are read as one. */
function quoted(text: string): string {
  return (text.match(/.{1,255}/g) ?? []).map((part) => `"${part}"`).join(' ');
}
