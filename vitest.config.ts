import { defineConfig } from 'vitest/config';

// Three layers (CONTRIBUTING.md): unit beside the code, scenario with several parts in one process, long with real programs
// or many seeds.
// Each file runs in a process of its own, since native addons and child processes are at work.
export default defineConfig(({ mode }) => ({
  test: {
    maxWorkers: 2,
    globalSetup: ['test/harness/build.ts'],
    reporters: ['default', './test/harness/closing-line.ts'],
    projects: [
      layer(mode, 'unit', ['src/**/*.test.ts', 'test/*.test.ts'], 10_000),
      layer(mode, 'scenario', ['test/scenario/**/*.test.ts'], 60_000, ['test/harness/remember-argon2.ts']),
      layer(
        mode,
        'long',
        ['test/{cli,sim,interop,torture}/**/*.test.ts'],
        mode === 'torture' ? 6 * 3_600_000 : 300_000,
      ),
    ],
  },
}));

// A project does not inherit the mode, and tests read their length from it.
function layer(mode: string, name: string, include: string[], timeoutMs: number, setupFiles: string[] = []) {
  return {
    mode,
    test: { name, include, setupFiles, pool: 'forks' as const, testTimeout: timeoutMs, hookTimeout: 60_000 },
  };
}
