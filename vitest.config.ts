import { configDefaults, defineConfig } from 'vitest/config';
import { LongestFirst } from './test/harness/longest-first.ts';

// Three layers (CONTRIBUTING.md): unit beside the code, scenario with several parts in one process, long with real programs
// or many seeds.
// A file of the long layer has a process of its own, since native addons, child processes and memory are at work; those of the
// others share a few, where the same modules would be loaded again for each; not those that put another module in the place of one,
// which whoever came before them may have loaded already.
const ALONE = ['src/cli/keyring.test.ts', 'src/cli/mail-files/mail-files.test.ts'];

export default defineConfig(({ mode }) => ({
  test: {
    // Also on two cores: half of the long ones wait most of the time, for a browser, a server that starts, a letter that may still
    // be taken back. They come first, by the names of the projects.
    maxWorkers: 4,
    sequence: { sequencer: LongestFirst },
    globalSetup: ['test/harness/build.ts'],
    reporters: ['default', './test/harness/closing-line.ts'],
    projects: [
      layer(mode, 'unit', ['src/**/*.test.ts', 'test/*.test.ts'], {
        timeoutMs: 10_000,
        isolate: false,
        exclude: ALONE,
      }),
      layer(mode, 'unit-alone', ALONE, { timeoutMs: 10_000, isolate: true }),
      layer(mode, 'scenario', ['test/scenario/**/*.test.ts'], {
        timeoutMs: 60_000,
        isolate: false,
        setupFiles: ['test/harness/remember-argon2.ts'],
      }),
      layer(mode, 'long', ['test/{cli,sim,interop,torture}/**/*.test.ts'], {
        timeoutMs: mode === 'torture' ? 6 * 3_600_000 : 300_000,
        isolate: true,
        setupFiles: ['test/harness/remember-argon2.ts'],
      }),
    ],
  },
}));

// A project does not inherit the mode, and tests read their length from it.
function layer(mode: string, name: string, include: string[], options: LayerOptions) {
  const { exclude = [], isolate, timeoutMs } = options;
  const setupFiles = ['test/harness/compare-bytes.ts', ...(options.setupFiles ?? [])];
  return {
    mode,
    test: {
      ...{ name, include, exclude: [...configDefaults.exclude, ...exclude], isolate, setupFiles },
      ...{ pool: 'forks' as const, testTimeout: timeoutMs, hookTimeout: 60_000 },
    },
  };
}

interface LayerOptions {
  readonly timeoutMs: number;
  readonly isolate: boolean;
  readonly setupFiles?: string[];
  readonly exclude?: string[];
}
