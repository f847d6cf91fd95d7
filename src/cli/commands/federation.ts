/** `federation …`: what waits for other homes, and how it goes. */
import type { Command } from 'commander';
import type { DestinationStatus, KeyLogStatus, Operator } from '../../node/index.ts';
import type { Act } from '../context.ts';
import { forServer, type ServerOptions, withExamples } from '../options.ts';
import { asOperator } from '../server.ts';
import { isoTime, showCount, showTime } from '../terminal/figures.ts';
import type { Column } from '../terminal/table.ts';

export function addFederation(program: Command, act: Act): void {
  const federation = program.command('federation').description('Mail to and from other homes.');
  const on = (
    name: string,
    description: string,
    ask: (operator: Operator, home: string | undefined) => Promise<readonly DestinationStatus[]>,
    isDefault = false,
  ): void => {
    const command = forServer(federation.command(name, { isDefault }).description(description));
    withExamples(
      command.argument('[home]', 'only this home').action(
        act(async (context, options: ServerOptions, home: string | undefined) => {
          const destinations = await asOperator(context, options, (operator) => ask(operator, home));
          const columns = columnsAt(context.deps.clock.now());
          context.output.table(destinations, fieldsOf, columns, 'Nothing was ever sent to another home.');
        }),
      ),
      `restante federation ${name}`,
      `restante federation ${name} other.example`,
    );
  };
  withExamples(
    forServer(
      federation
        .command('keys')
        .description('Show the key logs of other homes that this one follows, and if they hold.'),
    ).action(
      act(async (context, options: ServerOptions) => {
        const logs = await asOperator(context, options, (operator) => operator.keyLogs());
        context.output.table(logs, keyLogFields, KEY_LOG_COLUMNS, 'No key log of another home is followed.');
      }),
    ),
    'restante federation keys',
  );
  addForget(federation, act);
  on('status', 'Show what waits for each home.', (operator, home) => operator.federationStatus(home), true);
  on('retry', 'Try to send now.', (operator, home) => operator.federationRetry(home));
  on('pull', 'Ask for what other homes have for us.', (operator, home) => operator.federationPull(home));
}

/** `federation forget`, which asks. */
function addForget(federation: Command, act: Act): void {
  const forget = federation
    .command('forget')
    .description(
      'Forget what a home showed of itself, and believe what it shows next: when it lost its history for good.',
    )
    .argument('<home>', 'which')
    .option('--yes', 'do not ask');
  withExamples(
    forServer(forget).action(
      act(async (context, options: ServerOptions & { yes?: boolean }, home: string) => {
        if (options.yes !== true)
          await context.questions.confirm(
            `Believe whatever ${home} shows next? Only if its operator told you, by another way than mail, that it began anew.`,
          );
        const destinations = await asOperator(context, options, (operator) => operator.federationForget(home));
        context.output.table(
          destinations,
          fieldsOf,
          columnsAt(context.deps.clock.now()),
          `${home} is forgotten. Nothing was ever sent to it.`,
        );
      }),
    ),
    'restante federation forget other.example',
  );
}

function keyLogFields({ home, length, problem }: KeyLogStatus): object {
  return { home, length, problem: problem ?? null };
}

const PROBLEMS: Readonly<Record<NonNullable<KeyLogStatus['problem']>, string>> = Object.freeze({
  forked: 'it shows different keys to different people',
  shorter: 'it shows less than it logged before',
  refused: 'it is not right in itself',
});

const KEY_LOG_COLUMNS: readonly Column<KeyLogStatus>[] = [
  { title: 'HOME', cell: ({ home }) => home },
  { title: 'RECORDS', cell: ({ length }) => showCount(length) },
  { title: 'PROBLEM', cell: ({ problem }) => (problem === undefined ? '' : PROBLEMS[problem]) },
];

function fieldsOf(destination: DestinationStatus): object {
  const { home, queued, oldestAt, lastSuccessAt, nextTryAt, failures, deferred, rejected, rejections, lastError } =
    destination;
  return {
    home,
    queued,
    oldestAt: asDate(oldestAt),
    lastSuccessAt: asDate(lastSuccessAt),
    nextTryAt: asDate(nextTryAt),
    failures,
    deferred,
    rejected,
    rejections,
    lastError: lastError ?? null,
  };
}

function asDate(at: number | undefined): string | null {
  return at === undefined ? null : isoTime(at);
}

function columnsAt(now: number): readonly Column<DestinationStatus>[] {
  const when = (at: number | undefined): string => (at === undefined ? '' : showTime(at, now));
  return [
    { title: 'HOME', cell: ({ home }) => home },
    { title: 'QUEUED', cell: ({ queued }) => showCount(queued) },
    { title: 'OLDEST', cell: ({ oldestAt }) => when(oldestAt) },
    { title: 'LAST SUCCESS', cell: ({ lastSuccessAt }) => when(lastSuccessAt) },
    { title: 'NEXT TRY', cell: ({ nextTryAt }) => when(nextTryAt) },
    { title: 'PROBLEM', cell: ({ failures, lastError }) => (failures === 0 ? '' : (lastError?.message ?? '')) },
  ];
}
