/** What the programs logged as errors, by what was said: most of it follows from what is done to them. */
import type { World } from './world.ts';

export interface LoggedError {
  readonly who: string;
  readonly message: string;
  readonly count: number;
  /** Why it is to be expected; undefined: nobody knows why. */
  readonly because: string | undefined;
  readonly example: string;
}

/** By what is in the line, and what must have been done for it to be expected. */
const EXPECTED: readonly { readonly words: RegExp; readonly faults: RegExp; readonly because: string }[] = [
  { words: /disk_full|disk is nearly full/, faults: /^disk-full$/, because: 'the disk of a node was full' },
  { words: /another node cannot be asked/, faults: /^(node|home|clients|disk)-/, because: 'a node was away' },
  { words: /IMAP server cannot be worked with/, faults: /^dovecot-/, because: 'Dovecot was away' },
  { words: /timeout exceeded when trying to connect/, faults: /^postgres-/, because: 'PostgreSQL was away' },
];

/** `kinds`: of the faults that there were. */
export function loggedErrors({ homes, hubs }: World, kinds: readonly string[]): readonly LoggedError[] {
  const logs = [
    ...Object.entries(homes).flatMap(([home, { everyProcess }]) =>
      everyProcess.map(({ log }) => ({ who: `a node of the ${home}`, log })),
    ),
    ...hubs.everyProcess.map(({ process }) => ({ who: 'a hub host', log: process.log })),
  ];
  const found = new Map<string, LoggedError>();
  for (const { log, who } of logs)
    for (const line of log.split('\n').filter((text) => text.trim() !== '')) {
      const message = messageOf(line);
      const key = `${who}: ${message}`;
      const before = found.get(key);
      const because = EXPECTED.find(
        ({ faults, words }) => words.test(line) && kinds.some((kind) => faults.test(kind)),
      )?.because;
      found.set(key, { who, message, because, example: line.slice(0, 1_500), count: (before?.count ?? 0) + 1 });
    }
  return [...found.values()].sort((x, y) => y.count - x.count);
}

/** What is not JSON is a program that ended with its last words. */
function messageOf(line: string): string {
  try {
    const { error, err, msg } = JSON.parse(line) as { msg?: string; error?: Said; err?: Said };
    const cause = error ?? err;
    return [msg, cause?.code ?? cause?.type, cause?.message]
      .filter((part) => part !== undefined)
      .join(' · ')
      .slice(0, 200);
  } catch (error) {
    if (error instanceof SyntaxError) return line.replace(/\d+/g, 'N').slice(0, 200);
    throw error;
  }
}

interface Said {
  readonly code?: string;
  readonly type?: string;
  readonly message?: string;
}
