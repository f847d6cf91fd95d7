import { mkdir, mkdtemp, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { brotliCompressSync, gzipSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { Page } from './page.ts';

const SCRIPT = 'console.log(1);'.repeat(200);

async function setup() {
  const folder = await mkdtemp(join(tmpdir(), 'page-'));
  await mkdir(join(folder, 'assets'));
  await writeFile(join(folder, 'index.html'), '<!doctype html><p>hello');
  await writeFile(join(folder, 'mail-frame.html'), '<!doctype html>');
  await writeFile(join(folder, '.built-from'), 'secret');
  await writeFile(join(folder, 'assets', 'a-1.js'), SCRIPT);
  await writeFile(join(folder, 'assets', 'a-1.js.br'), brotliCompressSync(SCRIPT));
  await writeFile(join(folder, 'assets', 'a-1.js.gz'), gzipSync(SCRIPT));
  const page = await Page.open(folder);
  const server = createServer((request, response) => {
    if (page?.answer(request, response) !== true) response.writeHead(404).end();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    ask: (path: string, init?: RequestInit) => fetch(`http://127.0.0.1:${port}${path}`, init),
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

test('a hashed file is kept for a year, and comes in the best coding that is understood', async () => {
  await using site = await setup();
  for (const coding of ['br', 'gzip']) {
    const answer = await site.ask('/assets/a-1.js', { headers: { 'accept-encoding': coding } });
    expect(answer.headers.get('cache-control')).toBe('public, max-age=31536000, immutable');
    expect(answer.headers.get('content-encoding')).toBe(coding);
    expect(await answer.text()).toBe(SCRIPT);
  }
  const plain = await site.ask('/assets/a-1.js', { headers: { 'accept-encoding': 'br;q=0, gzip;q=0' } });
  expect(plain.headers.get('content-encoding')).toBe(null);
});

test('the page itself is asked for again, and answered with nothing when it is the same', async () => {
  await using site = await setup();
  const first = await site.ask('/');
  expect(await first.text()).toContain('hello');
  expect(first.headers.get('cache-control')).toBe('no-cache');
  const again = await site.ask('/', { headers: { 'if-none-match': first.headers.get('etag') ?? '' } });
  expect(again.status).toBe(304);
});

test('the page runs nothing but its own files, and mail in its frame nothing at all', async () => {
  await using site = await setup();
  const policy = (await site.ask('/')).headers.get('content-security-policy') ?? '';
  expect(policy).toContain("default-src 'none'");
  expect(policy).not.toContain('unsafe');
  const frame = (await site.ask('/mail-frame.html')).headers.get('content-security-policy') ?? '';
  expect(frame).toContain('sandbox allow-same-origin');
  expect(frame).not.toContain('script');
  expect(frame).not.toContain('http');
});

test('only what was built is served, and only read', async () => {
  await using site = await setup();
  for (const path of ['/.built-from', '/assets/a-1.js.br', '/../package.json', '/%2e%2e/package.json', '/nothing'])
    expect((await site.ask(path)).status).toBe(404);
  expect((await site.ask('/', { method: 'POST' })).status).toBe(405);
});

test('a folder without a page has none', async () => {
  expect(await Page.open(join(tmpdir(), 'there-is-no-such-folder'))).toBeUndefined();
});
