import Fastify from 'fastify';
import { describe, expect, test } from 'vitest';
import { DialError, type HttpAnswer, type HttpDialer, type HttpRequest, utf8 } from '../../base/index.ts';
import { type Address, parseAddress, parseHomeName } from '../../protocol/index.ts';
import { FederationError } from '../federation-error.ts';
import { mountWkd, wkdHash } from './wkd.ts';
import { locateCertificate } from './wkd-client.ts';

const never = new AbortController().signal;
const JOE = 'iy9q119eutrkn8s1mk4r39qejnbu3n5q';

/** Answers by URL; a name that is not there is not resolved. */
class TableDialer implements HttpDialer {
  readonly asked: string[] = [];
  readonly #answers: Readonly<Record<string, Partial<HttpAnswer> | DialError>>;

  constructor(answers: Readonly<Record<string, Partial<HttpAnswer> | DialError>>) {
    this.#answers = answers;
  }

  async request({ url }: HttpRequest): Promise<HttpAnswer> {
    this.asked.push(url);
    const answer = this.#answers[url] ?? new DialError('unreachable', 'no address', { retry: 'later' });
    if (answer instanceof DialError) throw answer;
    return { status: 200, headers: {}, body: utf8(''), ...answer };
  }
}

describe('the hash of a local part', () => {
  test.each([
    // draft-koch-openpgp-webkey-service, 3.1; the last two as `gpg --list-keys --with-wkd-hash` prints them.
    ['Joe.Doe', JOE],
    ['joe.doe', JOE],
    ['alice', 'kei1q4tipxxu1yj79k9kfukdhfy631xe'],
    ['o.k+test_1', 'smoktfet35ox4ry4ing1tsqdafqh8yha'],
  ])('of %s is %s', (localPart, hash) => {
    expect(wkdHash(localPart)).toBe(hash);
  });

  test('has 32 characters for any local part', () => {
    for (const localPart of ['', 'a', 'ä', 'x'.repeat(64)]) expect(wkdHash(localPart)).toMatch(/^[a-z1-9]{32}$/);
  });
});

describe('a directory', () => {
  const ALICE = parseAddress('alice@home.example');
  const hash = wkdHash('alice');

  async function openDirectory() {
    const asked: (Address | undefined)[] = [];
    const fastify = Fastify();
    const certificate = async (query: { hash: string; address: Address | undefined }) => {
      asked.push(query.address);
      if (query.address?.startsWith('perhaps@')) throw new FederationError('unavailable', 'nobody can tell now');
      return query.hash === hash ? utf8('certificate') : undefined;
    };
    mountWkd(fastify, certificate, () => parseHomeName('home.example'));
    await fastify.ready();
    return { asked, get: (url: string) => fastify.inject({ method: 'GET', url: `/.well-known/openpgpkey${url}` }) };
  }

  test('serves a certificate in the direct and in the advanced form, as bytes', async () => {
    const { asked, get } = await openDirectory();
    for (const url of [`/hu/${hash}?l=Alice`, `/home.example/hu/${hash}?l=alice`, `/hu/${hash}`]) {
      const answer = await get(url);
      expect([answer.statusCode, answer.body]).toEqual([200, 'certificate']);
      expect(answer.headers['content-type']).toBe('application/octet-stream');
    }
    expect(asked).toEqual([ALICE, ALICE, undefined]);
  });

  test('says that it cannot tell now, where that is so', async () => {
    const { get } = await openDirectory();
    expect((await get(`/hu/${wkdHash('perhaps')}?l=perhaps`)).statusCode).toBe(503);
  });

  test('has a policy, which is empty', async () => {
    const { get } = await openDirectory();
    for (const url of ['/policy', '/home.example/policy']) {
      const answer = await get(url);
      expect([answer.statusCode, answer.body]).toEqual([200, '']);
    }
  });

  test('knows nobody else, no other domain, and trusts no name that is not what was hashed', async () => {
    const { asked, get } = await openDirectory();
    expect((await get(`/hu/${wkdHash('bob')}?l=bob`)).statusCode).toBe(404);
    expect((await get(`/hu/short`)).statusCode).toBe(404);
    expect((await get(`/other.example/hu/${hash}`)).statusCode).toBe(404);
    expect((await get(`/other.example/policy`)).statusCode).toBe(404);
    expect((await get(`/hu/${hash}?l=bob`)).statusCode).toBe(200);
    expect((await get(`/hu/${hash}?l=alice&l=bob`)).statusCode).toBe(200);
    expect(asked.slice(1)).toEqual([undefined, undefined]);
  });
});

describe('a lookup', () => {
  const JOE_ADDRESS = parseAddress('Joe.Doe@Example.ORG');
  const ADVANCED = `https://openpgpkey.example.org/.well-known/openpgpkey/example.org/hu/${JOE}?l=joe.doe`;
  const DIRECT = `https://example.org/.well-known/openpgpkey/hu/${JOE}?l=joe.doe`;

  test('asks the subdomain, and only it where it is there', async () => {
    const dialer = new TableDialer({ [ADVANCED]: { body: utf8('advanced') }, [DIRECT]: { body: utf8('direct') } });
    expect(await locateCertificate(dialer, JOE_ADDRESS, never)).toEqual(utf8('advanced'));
    expect(dialer.asked).toEqual([ADVANCED]);
    const empty = new TableDialer({ [ADVANCED]: { status: 404 }, [DIRECT]: { body: utf8('direct') } });
    expect(await locateCertificate(empty, JOE_ADDRESS, never)).toBeUndefined();
  });

  test('asks the domain itself where there is no subdomain', async () => {
    const dialer = new TableDialer({ [DIRECT]: { body: utf8('direct') } });
    expect(await locateCertificate(dialer, JOE_ADDRESS, never)).toEqual(utf8('direct'));
    expect(dialer.asked).toEqual([ADVANCED, DIRECT]);
  });

  test('asks a loopback home directly, over plain HTTP', async () => {
    const url = `http://localhost:7896/.well-known/openpgpkey/hu/${wkdHash('bob')}?l=bob`;
    const dialer = new TableDialer({ [url]: { body: utf8('bob') } });
    expect(await locateCertificate(dialer, parseAddress('bob@localhost:7896'), never)).toEqual(utf8('bob'));
  });

  test.each([
    [{ [ADVANCED]: new DialError('address_refused', 'private') }, 'address_refused'],
    [{}, 'unreachable'],
    [{ [ADVANCED]: { status: 502 } }, 'unavailable'],
    [{ [ADVANCED]: new DialError('too_large', 'large') }, 'bad_answer'],
  ])('fails by name (%#)', async (answers, code) => {
    const failure = await locateCertificate(new TableDialer(answers), JOE_ADDRESS, never).catch((e: unknown) => e);
    expect(failure).toBeInstanceOf(FederationError);
    expect((failure as FederationError).code).toBe(code);
  });
});
