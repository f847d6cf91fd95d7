/** The conformance table is true of the tree: each test that it names is there. */
import { existsSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';

const ROOT = new URL('../../', import.meta.url);
const TABLE = readFileSync(new URL('docs/jmap-conformance.md', ROOT), 'utf8');

const rows = TABLE.split('\n')
  .filter((line) => line.startsWith('| ') && !line.startsWith('| section') && !line.startsWith('| RFC'))
  .map((line) => line.split('|').map((cell) => cell.trim()))
  .map((cells) => ({ requirement: `${cells[1]} ${cells[2]}`, tests: cells[3] ?? '' }));

function fileOf(name: string): URL {
  return new URL(/^(?:test|src)\//.test(name) ? `${name}.test.ts` : `src/jmap/${name}.test.ts`, ROOT);
}

/** What follows each name of a file: the shortened names of its tests. */
function* named(tests: string): Generator<{ readonly file: string; readonly titles: readonly string[] }> {
  for (const [, file = '', rest = ''] of tests.matchAll(/`([a-z0-9/-]+)`([^`]*)/g))
    yield { file, titles: [...rest.matchAll(/\*([^*]+)\*/g)].map(([, title = '']) => title) };
}

test.each(rows)('$requirement', ({ tests }) => {
  expect(tests).not.toBe('');
  for (const { file, titles } of named(tests)) {
    expect(existsSync(fileOf(file)), file).toBe(true);
    const source = readFileSync(fileOf(file), 'utf8');
    const all = [...source.matchAll(/(?:\(|=> )\s*(['"`])((?:(?!\1).)+)\1,\s*(?:async )?\(/g)].map(
      ([, , title]) => title,
    );
    for (const title of titles)
      expect(
        all.some((one) => isShort(title, one ?? '')),
        `${file}: ${title}`,
      ).toBe(true);
  }
});

/** `a … b` is short for a title with both in that order. */
function isShort(short: string, title: string): boolean {
  let at = 0;
  for (const part of short.split('…').map((each) => each.trim())) {
    const found = title.indexOf(part, at);
    if (found < 0) return false;
    at = found + part.length;
  }
  return true;
}
