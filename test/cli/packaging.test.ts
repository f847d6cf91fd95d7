/**
 * What packaging/ says to systemd and Docker, as far as it can be judged without running either: systemd's own check, and that
 * what it names (options, files, ports) is what this program has.
 */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { promisify } from 'node:util';
import { describe, expect, test } from 'vitest';
import { grammarOf } from '../../src/cli/grammar/grammar.ts';
import { createProgram } from '../../src/cli/program.ts';
import { skipWithout } from '../harness/requirement.ts';
import { hasProgram } from '../harness/shell.ts';

const streams = { stdin: new PassThrough(), stdout: new PassThrough(), stderr: new PassThrough(), environment: {} };
const up = grammarOf(createProgram(() => () => Promise.resolve(), streams)).commands.find(({ name }) => name === 'up');
const OPTIONS = new Set(up?.options.map(({ name }) => name));

const read = (path: string): Promise<string> => readFile(join('packaging', path), 'utf8');
const optionsIn = (text: string): string[] => text.match(/(?<=[\s"'=])--[a-z-]+/g) ?? [];

describe('the systemd unit', () => {
  const skipped = skipWithout(hasProgram('systemd-analyze'), { test: 'the systemd unit', lack: 'there is no systemd' });

  // systemd is a program of the machine, which skipWithout tells when it is missing; with CI=true that is a failure.
  test.skipIf(skipped)('is what systemd understands, with TLS and without, and exposes little', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'restante-unit-'));
    try {
      const unit = join(folder, 'restante.service');
      const text = await read('systemd/restante.service');
      expect(text).toContain('ExecStart=/usr/local/bin/restante ');
      // The check wants a program that is there.
      await writeFile(unit, text.replace('/usr/local/bin/restante', process.execPath));
      expect(await analyze('verify', '--man=no', unit)).toBe('');
      await mkdir(`${unit}.d`);
      await cp('packaging/systemd/tls.conf', join(`${unit}.d`, 'tls.conf'));
      expect(await analyze('verify', '--man=no', unit)).toBe('');
      // From 0, nothing, to 10, everything; in tenths here. Root without hardening has 9.6.
      await analyze('security', '--offline=true', '--threshold=20', unit);
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });

  test('gives options that `up` has', async () => {
    const texts = await Promise.all(
      ['restante.service', 'tls.conf', 'environment.example'].map((name) => read(`systemd/${name}`)),
    );
    const given = texts.map((text) => text.replace(/^#.*$/gm, '')).flatMap(optionsIn);
    expect(given.length).toBeGreaterThan(6);
    expect(given.filter((option) => !OPTIONS.has(option))).toEqual([]);
  });
});

describe('the Dockerfile', () => {
  const instructions = async (): Promise<string[]> =>
    (await read('docker/Dockerfile'))
      .replace(/^#.*\n/gm, '')
      .replaceAll('\\\n', ' ')
      .trim()
      .split('\n');

  test('copies what is there and what the build is given', async () => {
    const ignored = await readFile('.dockerignore', 'utf8');
    const sources = (await instructions())
      .filter((line) => line.startsWith('COPY ') && !line.includes('--from='))
      .flatMap((line) => line.split(/\s+/).slice(1, -1));
    expect(sources.length).toBeGreaterThan(8);
    for (const source of sources) {
      expect(existsSync(source), source).toBe(true);
      expect(ignored).toContain(`!${source.split('/')[0]}\n`);
    }
  });

  test('names its images by version, runs as nobody special, and asks whether it is well', async () => {
    const lines = await instructions();
    const images = lines.filter((line) => line.startsWith('FROM ')).map((line) => line.split(' ')[1]);
    expect(images.length).toBe(3);
    for (const image of images) expect(image).toMatch(/^node:\d+-[a-z]+-slim$/);
    const last = lines.slice(lines.findLastIndex((line) => line.startsWith('FROM ')));
    const order = ['USER node', 'VOLUME /data', 'STOPSIGNAL SIGTERM', 'HEALTHCHECK ', 'ENTRYPOINT ['].map((start) =>
      last.findIndex((line) => line.startsWith(start)),
    );
    expect(order).not.toContain(-1);
    expect(order).toEqual([...order].sort((a, b) => a - b));
    expect(last.filter((line) => line.startsWith('USER '))).toEqual(['USER node']);
    expect(last.find((line) => line.startsWith('HEALTHCHECK '))).toContain('/healthz');
    expect(lines.filter((line) => /\bsudo\b|\bcurl\b|--unsafe-perm|:latest/.test(line))).toEqual([]);
  });

  test('and the compose file give options that `up` has', async () => {
    const command = (await instructions()).filter((line) => line.startsWith('CMD '));
    const compose = (await read('docker/compose.yaml')).match(/command:\n(?: {6}- .*\n)+/)?.[0] ?? '';
    const given = [...command, compose].flatMap(optionsIn);
    expect(given.length).toBeGreaterThan(10);
    expect(given.filter((option) => !OPTIONS.has(option))).toEqual([]);
  });
});

/** What it says. It ends with 0 for a unit with unknown lines. */
async function analyze(...args: string[]): Promise<string> {
  const { stderr } = await promisify(execFile)('systemd-analyze', args);
  return stderr;
}
