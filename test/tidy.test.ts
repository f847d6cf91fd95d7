/**
 * The house style as a test: what no reviewer should have to say. Every message names the replacement. Exceptions stand
 * here, each with its reason; a new one is a change to review.
 */
import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { listFiles, readSource, type SourceFile } from './harness/tidy-files.ts';
import {
  bannedGlobals,
  brandCasts,
  emptyCatches,
  headerComment,
  idleTests,
  longFunctions,
  type Rule,
  strayLimits,
  typeEscapes,
} from './harness/tidy-rules.ts';

const FILE_LINES_MAX = 400;
const CODE_FOLDERS = ['src', 'test', 'bench', 'scripts', 'examples'];
const isTest = (path: string): boolean => /\.(test|contract)\.ts$/.test(path) || path.startsWith('test/');
const below =
  (...folders: string[]) =>
  (path: string) =>
    folders.some((folder) => path.startsWith(folder));

/** Who may touch clocks, timers, the environment and the console themselves. */
const OUTSIDE_WORLD = below(
  'src/base/system/', // the adapters of base's ports
  'src/cli/', // the edge: reads the environment, writes to the terminal, ends the process
  'src/hub/user-server/main.ts', // the edge of a user server's process: ends it
  'bench/', // measures real time and prints
  'scripts/', // run by hand
  'examples/', // shown to people as they would write them
);

/** Who makes identifiers without their parser. */
const BRAND_MAKERS = below(
  'src/protocol/', // the parsers, and documents whose schema has called them
  'src/node/', // reads back from its own views what it parsed before it stored it
);

/** Bounds that belong to what they bound. */
const OTHER_LIMITS = new Set([
  'src/store/store.ts', // KEY_BYTES_MAX and VALUE_BYTES_MAX are promises of the port
]);

const NO_JUNK_FOLDERS = /(^|\/)(utils?|helpers?|common|types|misc|lib)\//;

/** Subsystems whose page is written; a new door adds its own. */
const WITH_README = [
  'base',
  'protocol',
  'store',
  'feed',
  'vault',
  'client',
  'node',
  'jmap',
  'hub',
  'hub-client',
  'cli',
].map((name) => `src/${name}`);

const code = CODE_FOLDERS.filter((folder) => existsSync(folder))
  .flatMap(listFiles)
  .filter((path) => /\.ts$/.test(path) && !path.includes('/generated/') && !path.endsWith('.d.ts'))
  .map(readSource);
const product = code.filter(({ path }) => path.startsWith('src/') && !isTest(path));
const tests = code.filter(({ path }) => isTest(path));

function check(rule: Rule, files: readonly SourceFile[]): void {
  expect(files.length).toBeGreaterThan(0);
  expect(files.flatMap(rule)).toEqual([]);
}

describe('code', () => {
  test(`has at most ${FILE_LINES_MAX} lines a file`, () => {
    check(({ path, text }) => {
      const lines = text.split('\n').length - 1;
      return lines > FILE_LINES_MAX ? [`${path}: ${lines} lines: split it by noun`] : [];
    }, code);
  });

  test('has functions that fit a screen', () => {
    check(longFunctions, product);
  });

  test('reaches the outside world through ports only', () => {
    check(
      bannedGlobals,
      product.filter(({ path }) => !OUTSIDE_WORLD(path)),
    );
  });

  test('does not escape from the type system', () => {
    check(typeEscapes, code);
  });

  test('switches no checker off without a reason', () => {
    // Looked for by their names, which therefore stand here.
    const switches = /@ts-ignore|@ts-expect-error|@ts-nocheck|(?:es|ox)lint-disable|biome-ignore/;
    check(({ path, text }) => {
      const lines = text.split('\n');
      return lines.flatMap((line, index) => {
        if (!switches.test(line) || path.startsWith('test/tidy') || path.startsWith('test/harness/tidy')) return [];
        // A reason stands behind the switch, or is a comment in the line above.
        const reasoned = /biome-ignore [^:]+: \S|--\s+\S/.test(line) || /^\s*(\/\/|\*)/.test(lines[index - 1] ?? '');
        return reasoned ? [] : [`${path}:${index + 1}: say why in the line above`];
      });
    }, code);
  });

  test('makes identifiers with their parsers', () => {
    check(
      brandCasts,
      product.filter(({ path }) => !BRAND_MAKERS(path)),
    );
  });

  test('names its limits in limits.ts', () => {
    check(
      strayLimits,
      product.filter(
        ({ path }) => !path.endsWith('/limits.ts') && !path.startsWith('src/sim/') && !OTHER_LIMITS.has(path),
      ),
    );
  });

  test('swallows no error', () => {
    check(emptyCatches, code);
  });

  test('says at the top what it is', () => {
    check(headerComment, product);
  });

  test('owes nothing without an issue', () => {
    const owed = new RegExp(['\\bTO', 'DO\\b|\\bFIX', 'ME\\b'].join(''));
    check(
      ({ path, text }) =>
        text
          .split('\n')
          .flatMap((line, index) =>
            owed.test(line) && !/\(#\d+\)/.test(line) ? [`${path}:${index + 1}: name the issue: ${'TO'}DO(#12)`] : [],
          ),
      code,
    );
  });

  test('lives with the noun it serves', () => {
    check(
      ({ path }) => (NO_JUNK_FOLDERS.test(path) ? [`${path}: move it to the noun it serves, or to base`] : []),
      code,
    );
  });
});

describe('tests', () => {
  test('all run, or say why not', () => {
    check(idleTests, tests);
  });
});

describe('documents', () => {
  const documents = listFiles('.').filter((path) => /\.(md|json|ya?ml|proto|ts|js|cjs|css|svelte)$/.test(path));

  test('every subsystem has a page', () => {
    const doors = listFiles('src').filter((path) => /^src\/[^/]+\/index\.ts$/.test(path));
    expect(doors.length).toBeGreaterThan(2);
    expect(WITH_README.filter((folder) => !existsSync(`${folder}/README.md`))).toEqual([]);
  });

  test('name no machine', () => {
    // Spelled in pieces, so that this file does not name one itself.
    const machine = new RegExp(`(^|[\\s"'\`(=:])/(${['work', 'root', 'home/[a-z]+', 'Users'].join('|')})/`);
    const named = documents.filter((path) => machine.test(readFileSync(path, 'utf8')));
    expect(named).toEqual([]);
  });

  test('every dependency has its decision', () => {
    const decisions = listFiles('docs/decisions')
      .map((path) => readFileSync(path, 'utf8'))
      .join('\n');
    const missing = Object.keys(dependencies()).filter((name) => !decisions.includes(`\`${name}\``));
    expect(missing).toEqual([]);
  });
});

describe('installing', () => {
  test('takes exact versions', () => {
    const loose = Object.entries(dependencies()).filter(([, version]) => !/^\d+\.\d+\.\d+$/.test(version));
    expect(loose).toEqual([]);
  });

  test('works on every platform: the lockfile has each optional part, and no address of a registry', () => {
    const { packages } = JSON.parse(readFileSync('package-lock.json', 'utf8')) as Lockfile;
    const absent = Object.values(packages).flatMap(({ optionalDependencies }) =>
      Object.entries(optionalDependencies ?? {})
        .filter(([name]) => !Object.keys(packages).some((path) => path.endsWith(`node_modules/${name}`)))
        .map(([name, version]) => `${name}@${version}: add it to package-lock.json with its version, os and cpu`),
    );
    expect(absent).toEqual([]);
    expect(Object.values(packages).filter(({ link, resolved }) => resolved !== undefined && link !== true)).toEqual([]);
  });
});

interface Lockfile {
  readonly packages: Readonly<
    Record<
      string,
      {
        readonly optionalDependencies?: Readonly<Record<string, string>>;
        readonly resolved?: string;
        /** Of a workspace: `resolved` is its folder. */
        readonly link?: boolean;
      }
    >
  >;
}

/** Of the program and of its page. */
function dependencies(): Readonly<Record<string, string>> {
  const read = (path: string) =>
    JSON.parse(readFileSync(path, 'utf8')) as Partial<Record<string, Readonly<Record<string, string>>>>;
  return Object.assign(
    {},
    ...['package.json', 'web/package.json'].map(read).flatMap((of) => [of.dependencies, of.devDependencies]),
  ) as Readonly<Record<string, string>>;
}
