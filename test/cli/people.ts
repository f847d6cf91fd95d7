/** People of a home, each with a profile of their own, and what a command says to one of them. */
import { expect } from 'vitest';
import { type Finished, Sandbox } from './command-line.ts';

export const PASSWORD = { RESTANTE_PASSWORD: 'correct horse battery staple' };

/** In one home everybody is somebody else. */
let people = 0;

export async function openPeople<const Names extends readonly string[]>(names: Names, home: unknown) {
  const sandbox = await Sandbox.open();
  const run = (args: readonly string[], input?: string): Promise<Finished> =>
    sandbox.run([...args, '--json'], { environment: PASSWORD, ...(input === undefined ? {} : { input }) });
  const as = (who: string, args: readonly string[], input?: string) => run([...args, '--address', who], input);
  const addresses = names.map((name) => `${name}${++people}@${home}`) as { [Place in keyof Names]: string };
  const made = await Promise.all(addresses.map((who) => run(['account', 'new', who])));
  for (const { code, stdout, stderr } of made) expect(code, stdout + stderr).toBe(0);
  return { sandbox, addresses, run, as, made, [Symbol.asyncDispose]: () => sandbox[Symbol.asyncDispose]() };
}

/** The one line of a command that did what it was to do. */
export function only(finished: Finished): Record<string, unknown> {
  expect(finished.code, finished.stdout + finished.stderr).toBe(0);
  expect(finished.lines).toHaveLength(1);
  expect(finished.stdout.trim()).toBe(JSON.stringify(finished.lines[0]));
  return finished.lines[0] as Record<string, unknown>;
}
