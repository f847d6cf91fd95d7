/** `account list|quota|ban|retention|remove`: the people of a home, for its operator. */
import type { Command } from 'commander';
import type { AccountSummary, Operator } from '../../node/index.ts';
import type { Address } from '../../protocol/index.ts';
import type { Act, Context } from '../context.ts';
import { addressArgument, bytesArgument, forServer, type ServerOptions, withExamples } from '../options.ts';
import { asOperator } from '../server.ts';
import { counted, showBytes, showCount } from '../terminal/figures.ts';
import type { Column } from '../terminal/table.ts';

export function addAccountOperator(account: Command, act: Act): void {
  const on = (name: string, description: string): Command => forServer(account.command(name).description(description));
  withExamples(on('list', 'Who is here.').action(act(list)), 'restante account list');
  withExamples(
    on('quota', 'Set how much an account may hold; without a size, the default of the home.')
      .argument('<address>', 'whose', addressArgument)
      .argument('[size]', 'like 500MB or 20G', bytesArgument)
      .action(
        act((context, options: ServerOptions, address: Address, bytes: number | undefined) =>
          change(context, options, (operator) => operator.setQuota(address, bytes)),
        ),
      ),
    'restante account quota alice@home.example 20G',
  );
  withExamples(
    on('ban', 'Block an account: it can neither send nor fetch. Its mail stays.')
      .argument('<address>', 'whose', addressArgument)
      .option('--undo', 'let it in again')
      .action(
        act((context, options: ServerOptions & { undo?: boolean }, address: Address) =>
          change(context, options, (operator) => operator.setBanned(address, options.undo !== true)),
        ),
      ),
    'restante account ban mallory@home.example',
    'restante account ban mallory@home.example --undo',
  );
  addAccountRetention(account, act);
}

/** `account retention`, the operator's bound on it. */
function addAccountRetention(account: Command, act: Act): void {
  const retention = account
    .command('retention')
    .description('Erase bodies after so many days at the latest; without a number, when their receiver wants it.')
    .argument('<address>', 'whose', addressArgument)
    .argument('[days]', 'at least 1', Number);
  withExamples(
    forServer(retention).action(
      act((context, options: ServerOptions, address: Address, days: number | undefined) =>
        change(context, options, (operator) => operator.setRetention(address, days)),
      ),
    ),
    'restante account retention alice@home.example 365',
  );
}

/** `account remove`, which asks. */
export function addAccountRemove(account: Command, act: Act): void {
  const remove = account
    .command('remove')
    .description('End an account: nothing is accepted for it any more, and its address is not given again.')
    .argument('<address>', 'whose', addressArgument)
    .option('--yes', 'do not ask');
  withExamples(
    forServer(remove).action(
      act(async (context, options: ServerOptions & { yes?: boolean }, address: Address) => {
        if (options.yes !== true) await context.questions.confirm(`Remove ${address} for good?`);
        await change(context, options, (operator) => operator.remove(address));
      }),
    ),
    'restante account remove mallory@home.example --yes',
  );
}

async function list(context: Context, options: ServerOptions): Promise<void> {
  const accounts = await asOperator(context, options, (operator) => operator.accounts());
  context.output.table(
    accounts,
    fieldsOf,
    columns(),
    'Nobody lives here yet: make an invitation with `restante invite`.',
  );
}

async function change(
  context: Context,
  options: ServerOptions,
  work: (operator: Operator) => Promise<AccountSummary>,
): Promise<void> {
  const account = await asOperator(context, options, work);
  context.output.table([account], fieldsOf, columns(), '');
}

function fieldsOf({ version: _, ...account }: AccountSummary): object {
  return account;
}

function columns(): Column<AccountSummary>[] {
  return [
    { title: 'ADDRESS', cell: (account) => account.address, flexible: 1 },
    { title: 'DEVICES', cell: (account) => showCount(account.devices), align: 'right' },
    { title: 'ENTRIES', cell: (account) => showCount(account.entries), align: 'right' },
    { title: 'HELD', cell: (account) => showBytes(account.bytes), align: 'right' },
    { title: 'QUOTA', cell: (account) => showBytes(account.quotaBytes), align: 'right' },
    { title: 'KEPT', cell: (account) => showRetention(account.retentionDays) },
    { title: 'STATE', cell: stateOf },
  ];
}

/** `for ever`, `90 days`. */
export function showRetention(days: number): string {
  return days === 0 ? 'for ever' : counted(days, 'day');
}

function stateOf(account: AccountSummary): string {
  if (account.closed) return 'closed';
  return account.banned ? 'blocked' : 'active';
}
