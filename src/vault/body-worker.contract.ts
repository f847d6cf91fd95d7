/** What every BodyWorker keeps. Each adapter's test runs it. */
import { describe, expect, test } from 'vitest';
import { NobleSuite, utf8 } from '../base/index.ts';
import { SystemRandom } from '../base/system/index.ts';
import { type ConversationId, parseAddress } from '../protocol/index.ts';
import { type AccountSecrets, createAccountSecrets } from './account-secrets.ts';
import type { BodyBinding } from './body-binding.ts';
import type { BodyWorker, OpenJob, SealJob } from './body-worker.ts';
import { openAll, sealAll } from './bulk.ts';
import { type Certificate, parseCertificate } from './certificate.ts';

export interface Account {
  readonly secrets: AccountSecrets;
  readonly certificate: Certificate;
}

export async function createAccount(name = 'alice'): Promise<Account> {
  const deps = { suite: new NobleSuite(), random: new SystemRandom() };
  const account = { address: parseAddress(`${name}@home.example`), createdAt: 1_767_312_000_000 };
  const secrets = await createAccountSecrets(deps, account);
  return { secrets, certificate: await parseCertificate(secrets.certificate) };
}

export function bindingFor({ secrets }: Account): BodyBinding {
  const conversation = '00112233445566778899aabbccddeeff' as ConversationId;
  return { type: 'note', conversation, author: secrets.address, recipients: [secrets.address], time: 1 };
}

export function sealJob(account: Account, text: string): SealJob {
  return { mime: utf8(text), certificates: [account.certificate], binding: bindingFor(account) };
}

export function openJob(account: Account, body: Uint8Array): OpenJob {
  return { body, signers: [account.certificate], binding: bindingFor(account) };
}

export function describeBodyWorker(name: string, open: (secrets: AccountSecrets) => Promise<BodyWorker>): void {
  describe(name, () => {
    async function setup() {
      const account = await createAccount();
      const worker = await open(account.secrets);
      return { account, worker, [Symbol.asyncDispose]: () => worker[Symbol.asyncDispose]() };
    }

    test('seals and opens, and says who signed', async () => {
      await using world = await setup();
      const { account, worker } = world;
      const body = await worker.seal(sealJob(account, 'note to myself'));
      expect(await worker.open(openJob(account, body))).toEqual({
        mime: utf8('note to myself'),
        verification: {
          status: 'verified',
          fingerprint: account.certificate.fingerprint,
          signedAt: expect.any(Number),
          bound: true,
        },
      });
    });

    test('a refusal is the same VaultError as without a worker, with its details', async () => {
      await using world = await setup();
      const { account, worker } = world;
      const body = await worker.seal(sealJob(account, 'note to myself'));
      const changed = body.with(body.length - 1, (body.at(-1) ?? 0) ^ 1);
      await expect(worker.open(openJob(account, changed))).rejects.toMatchObject({
        name: 'VaultError',
        code: 'tampered',
      });
      await expect(worker.open(openJob(account, new Uint8Array()))).rejects.toMatchObject({ code: 'malformed' });
      const other = await createAccount('bob');
      expect((await worker.open({ ...openJob(account, body), signers: [other.certificate] })).verification.status).toBe(
        'unknown_signer',
      );
      const moved = { ...openJob(account, body), binding: { ...bindingFor(account), time: 2 } };
      expect((await worker.open(moved)).verification).toMatchObject({ status: 'rebound', field: 'time' });
    });

    test('reads messages of any size alike: a large one as a small one', async () => {
      await using world = await setup();
      const { worker } = world;
      for (const lines of [1, 20_000]) {
        const mime = utf8(`From: Alice <a@home.example>\r\nSubject: Lunch\r\n\r\n${'Friday?\r\n'.repeat(lines)}`);
        const copy = mime.slice();
        const { text, snippet } = await worker.read(mime, 10_000);
        expect(text).toMatchObject({ subject: 'Lunch', from: 'Alice <a@home.example>', truncated: lines > 1 });
        expect(text.text.length).toBe(lines > 1 ? 10_000 : 8);
        expect(snippet).toMatch(/^Friday\?/);
        expect(mime).toEqual(copy);
      }
    });

    test('leaves the bytes of its jobs to the caller as they were', async () => {
      await using world = await setup();
      const { account, worker } = world;
      const job = sealJob(account, 'note to myself');
      const body = await worker.seal(job);
      const copy = body.slice();
      await worker.open(openJob(account, body));
      expect(job.mime).toEqual(utf8('note to myself'));
      expect(body).toEqual(copy);
    });

    test('hundreds at once all settle, and bulk keeps their order with the broken ones in their place', async () => {
      await using world = await setup();
      const { account, worker } = world;
      const texts = Array.from({ length: 150 }, (_, index) => `note ${index}`);
      const bodies: Uint8Array[] = [];
      const signal = new AbortController().signal;
      for await (const sealed of sealAll(
        worker,
        texts.map((text) => sealJob(account, text)),
        signal,
      )) {
        if (!sealed.ok) throw sealed.error;
        bodies.push(sealed.result);
      }
      // Bit 7 of an OpenPGP message's first byte is always set (RFC 9580, section 4.2): without it nothing can be read as a packet.
      const jobs = bodies.map((body, index) => openJob(account, index % 50 === 7 ? body.with(0, 0) : body));
      const opened: string[] = [];
      for await (const result of openAll(worker, jobs, signal))
        opened.push(result.ok ? new TextDecoder().decode(result.result.mime) : result.error.code);
      expect(opened).toEqual(texts.map((text, index) => (index % 50 === 7 ? 'malformed' : text)));
      const together = await Promise.all(texts.map((text) => worker.seal(sealJob(account, text), signal)));
      expect(together).toHaveLength(texts.length);
    });

    test('an aborted job ends with the reason at once, and the worker goes on', async () => {
      await using world = await setup();
      const { account, worker } = world;
      const controller = new AbortController();
      const jobs = Array.from({ length: 30 }, (_, index) =>
        worker.seal(sealJob(account, `${index}`), controller.signal),
      );
      const reason = new DOMException('enough', 'AbortError');
      controller.abort(reason);
      const outcomes = await Promise.allSettled(jobs);
      expect(outcomes.every((outcome) => outcome.status === 'rejected' && outcome.reason === reason)).toBe(true);
      await expect(worker.seal(sealJob(account, 'late'), controller.signal)).rejects.toBe(reason);
      expect((await worker.seal(sealJob(account, 'after'))).length).toBeGreaterThan(100);
    });

    test('closing finishes what was taken, refuses what comes after, and may be done twice', async () => {
      await using world = await setup();
      const { account, worker } = world;
      const jobs = Array.from({ length: 20 }, (_, index) => worker.seal(sealJob(account, `${index}`)));
      let closed = false;
      const closing = worker[Symbol.asyncDispose]().then(() => {
        closed = true;
      });
      await expect(worker.seal(sealJob(account, 'late'))).rejects.toMatchObject({ code: 'closed' });
      expect(await Promise.all(jobs)).toHaveLength(20);
      await closing;
      expect(closed).toBe(true);
      await worker[Symbol.asyncDispose]();
    });
  });
}
