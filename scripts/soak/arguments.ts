/** What `npm run soak` is told. */
import { parseArgs } from 'node:util';
import { FAULTS } from './faults.ts';

export interface SoakArguments {
  readonly seed: number;
  readonly minutes: number;
  readonly faultEveryMs: number;
  readonly kinds: readonly string[];
  readonly mailsPerSecond: number;
  readonly json: boolean;
}

export class UsageError extends Error {}

const DEFAULTS = Object.freeze({ seed: '1', minutes: '60', 'fault-every': '50s', rate: '2.5' });
const UNITS: Readonly<Record<string, number>> = { s: 1_000, m: 60_000 };

const HELP = `Runs a world of real programs under steady mail and random faults, and looks at everything in the end: two homes of
two nodes (SQLite and PostgreSQL), two hub hosts on a RabbitMQ, a Dovecot, eight devices, two JMAP programs.

  npm run soak -- [options]

  --minutes N         so long (default ${DEFAULTS.minutes}); what is looked at in the end comes on top
  --seed N            which faults come, in which order, to whom and for how long (default ${DEFAULTS.seed})
  --fault-every TIME  such as 50s or 2m, or as soon as the one before is over (default ${DEFAULTS['fault-every']})
  --only KIND,…       these faults alone (default: all)
  --rate N            mails a second, all together (default ${DEFAULTS.rate})
  --json              the report as one JSON object on stdout, everything else on stderr
  --help              this

Ctrl-C ends it early, with the report of what was done. The exit code is 1 when something that must hold did not.
Debian: rabbitmq-server postgresql dovecot-imapd dovecot-lmtpd.

Faults:
${Object.entries(FAULTS)
  .map(([kind, { about }]) => `  ${kind.padEnd(20)}${about}`)
  .join('\n')}
`;

/** Throws UsageError. */
export function parseArguments(args: readonly string[]): SoakArguments | { readonly help: string } {
  const values = valuesOf(args);
  if (values.help === true) return { help: HELP };
  const kinds = values.only === undefined ? Object.keys(FAULTS) : values.only.split(',');
  for (const kind of kinds)
    if (!(kind in FAULTS)) throw new UsageError(`--only: there is no fault ${kind}; --help lists them`);
  return {
    seed: numberOf('seed', values.seed, /^\d{1,9}$/),
    minutes: numberOf('minutes', values.minutes, /^\d{1,5}(\.\d+)?$/),
    mailsPerSecond: numberOf('rate', values.rate, /^\d{1,3}(\.\d+)?$/),
    faultEveryMs: durationOf('fault-every', values['fault-every']),
    kinds,
    json: values.json === true,
  };
}

function valuesOf(args: readonly string[]) {
  try {
    const { values } = parseArgs({
      args: [...args],
      options: {
        minutes: { type: 'string', default: DEFAULTS.minutes },
        seed: { type: 'string', default: DEFAULTS.seed },
        'fault-every': { type: 'string', default: DEFAULTS['fault-every'] },
        rate: { type: 'string', default: DEFAULTS.rate },
        only: { type: 'string' },
        json: { type: 'boolean' },
        help: { type: 'boolean' },
      },
    });
    return values;
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
}

function numberOf(name: string, text: string, shape: RegExp): number {
  if (!shape.test(text) || Number(text) === 0) throw new UsageError(`--${name}: ${text} is no such number`);
  return Number(text);
}

function durationOf(name: string, text: string): number {
  const [, number, unit = ''] = /^(\d{1,5})([sm])$/.exec(text) ?? [];
  const factor = UNITS[unit];
  if (number === undefined || factor === undefined) throw new UsageError(`--${name}: write it like 50s or 2m`);
  return Number(number) * factor;
}
