/** What documents say of the repository: links lead somewhere, and tests that are named exist. */
import { existsSync, readFileSync, statSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { describe, expect, test } from 'vitest';
import { listFiles } from './harness/tidy-files.ts';

const documents = listFiles('.').filter((path) => path.endsWith('.md'));

describe('documents', () => {
  test('link to what is there, down to the heading', () => {
    expect(documents.length).toBeGreaterThan(40);
    const links = documents.flatMap((path) => linksOf(path).map((target) => ({ path, target })));
    expect(links.length).toBeGreaterThan(100);
    expect(links.flatMap(({ path, target }) => problemOf(path, target))).toEqual([]);
  });
});

describe('SECURITY.md', () => {
  const text = readFileSync('SECURITY.md', 'utf8');
  const rows = text.split('\n').filter((line) => line.startsWith('| ') && line.includes('“'));

  test('names for each promise what shows it, and that exists', () => {
    expect(rows.length).toBeGreaterThan(15);
    const named = rows.flatMap((row) => row.split(/(?=\[[^\]]+\]\([^)]+\):)/).slice(1));
    expect(named.length).toBeGreaterThanOrEqual(rows.length);
    const absent = named.flatMap((part) => {
      const file = /\]\(([^)]+)\)/.exec(part)?.[1] as string;
      const quotes = [...part.matchAll(/“([^”]+)”/g)].map(([, quote]) => quote as string);
      expect(quotes.length, part).toBeGreaterThan(0);
      // A name with a number of its own is written as a template: `${FRAMES} mutated frames`.
      const source = readFileSync(file, 'utf8');
      return quotes.filter((quote) => !source.includes(quote)).map((quote) => `${file}: ${quote}`);
    });
    expect(absent).toEqual([]);
  });
});

/** Targets of links and pictures, but for the world's. */
function linksOf(path: string): string[] {
  const prose = readFileSync(path, 'utf8')
    .replace(/^```[\s\S]*?^```/gm, '')
    .replace(/`[^`\n]*`/g, '`');
  return [...prose.matchAll(/\]\(([^)\s]+)\)/g)]
    .map(([, target]) => target as string)
    .filter((target) => !/^[a-z]+:/.test(target));
}

function problemOf(from: string, target: string): string[] {
  const [file = '', anchor] = target.split('#');
  const path = file === '' ? from : normalize(join(dirname(from), decodeURIComponent(file)));
  if (!existsSync(path)) return [`${from}: ${target} is not there`];
  if (anchor === undefined || statSync(path).isDirectory() || !path.endsWith('.md')) return [];
  return anchorsOf(path).has(anchor) ? [] : [`${from}: ${path} has no heading #${anchor}`];
}

/** As forges make them: lower case, without punctuation, spaces to hyphens, a number behind what comes again. */
function anchorsOf(path: string): ReadonlySet<string> {
  const anchors = new Set<string>();
  const prose = readFileSync(path, 'utf8').replace(/^```[\s\S]*?^```/gm, '');
  for (const [, heading] of prose.matchAll(/^#{1,6} (.+)$/gm)) {
    const text = (heading as string).replace(/\[([^\]]*)\]\([^)]*\)/g, '$1');
    const slug = text
      .toLowerCase()
      .replace(/[^\p{L}\p{N}\s_-]/gu, '')
      .trim()
      .replace(/\s/g, '-');
    for (let again = 0; ; again += 1) {
      const anchor = again === 0 ? slug : `${slug}-${again}`;
      if (anchors.has(anchor)) continue;
      anchors.add(anchor);
      break;
    }
  }
  for (const [, id] of prose.matchAll(/<a (?:id|name)="([^"]+)"/g)) anchors.add(id as string);
  return anchors;
}
