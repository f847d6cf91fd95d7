/** `mark`, `block`, `unblock`: what a person says about messages and senders, on all of their devices. */
import type { Command } from 'commander';
import type { Marks } from '../../client/index.ts';
import { parseAddress, parseHomeName } from '../../protocol/index.ts';
import { CliError } from '../cli-error.ts';
import type { Act, Context, Person } from '../context.ts';
import { resolveMessage } from '../message-view.ts';
import { forPerson, namesOption, type PersonOptions, withExamples } from '../options.ts';
import { withPerson } from '../person.ts';
import { counted } from '../terminal/figures.ts';

interface MarkOptions extends PersonOptions {
  readonly read?: boolean;
  readonly unread?: boolean;
  readonly flag?: boolean;
  readonly unflag?: boolean;
  readonly label?: readonly string[];
  readonly unlabel?: readonly string[];
  readonly notJunk?: boolean;
  readonly delete?: boolean;
}

export function addMark(program: Command, act: Act): void {
  const mark = program
    .command('mark')
    .description('Mark messages, also on your other devices.')
    .argument('<ids...>', 'as `restante list` shows them');
  withExamples(
    forPerson(mark)
      .option('--read', 'as read')
      .option('--unread', 'as unread')
      .option('--flag', 'with a flag')
      .option('--unflag', 'without it')
      .option('--label <name>', 'with a label; may stand several times', namesOption)
      .option('--unlabel <name>', 'without it; may stand several times', namesOption)
      .option('--not-junk', 'back to the inbox, if it was only suspected')
      .option('--delete', 'delete it here, at the home and on your other devices')
      .action(act(runMark)),
    'restante mark 3f9a1c0b77e2 --read --label invoices',
  );
}

export function addBlock(program: Command, act: Act): void {
  for (const name of ['block', 'unblock'] as const) {
    const command = program
      .command(name)
      .description(name === 'block' ? 'File what somebody sends as junk.' : 'Take it as mail again.')
      .argument('<who>', 'an address, or a whole home');
    withExamples(
      forPerson(command).action(
        act((context, options: PersonOptions, who: string) => runBlock(context, options, who, name)),
      ),
      `restante ${name} mallory@home.example`,
    );
  }
}

async function runMark(context: Context, options: MarkOptions, texts: readonly string[]): Promise<void> {
  const marks = { ...marksOf(options), ...(options.notJunk === true ? await inboxMarks() : {}) };
  if (Object.keys(marks).length === 0)
    throw new CliError('usage', 'how to mark them is not said', {
      fix: 'Give --read, --unread, --flag, --label, --not-junk or --delete.',
    });
  const changed = await withPerson(context, options, { isOnline: false }, async (person) => {
    const ids = await Promise.all(texts.map((text) => resolveMessage(person.client, text)));
    const count = await person.client.mail.mark(ids, marks);
    await tellOtherDevices(context, person);
    return count;
  });
  context.output.result({ changed }, () => `${counted(changed, 'message')} changed.`);
}

function marksOf(options: MarkOptions): Record<string, boolean> {
  const { read, unread, flag, unflag, label = [], unlabel = [] } = options;
  if ((read && unread) || (flag && unflag))
    throw new CliError('usage', 'a message cannot be marked both ways', { fix: 'Give one of the two.' });
  return {
    ...(read ? { read: true } : {}),
    ...(unread ? { read: false } : {}),
    ...(flag ? { flagged: true } : {}),
    ...(unflag ? { flagged: false } : {}),
    ...Object.fromEntries(label.map((name) => [`label:${name}`, true])),
    ...Object.fromEntries(unlabel.map((name) => [`label:${name}`, false])),
    ...(options.delete ? { deleted: true } : {}),
  };
}

/** Loaded when it is used: a command starts faster without it. */
async function inboxMarks(): Promise<Marks> {
  const { filingMarks } = await import('../../client/index.ts');
  return filingMarks(['junk'], ['inbox']);
}

async function runBlock(
  context: Context,
  options: PersonOptions,
  text: string,
  how: 'block' | 'unblock',
): Promise<void> {
  const who = text.includes('@') ? parseAddress(text) : parseHomeName(text);
  const blocked = await withPerson(context, options, { isOnline: false }, async (person) => {
    await person.client.mail[how](who);
    await tellOtherDevices(context, person);
    return person.client.mail.blocked();
  });
  context.output.result({ blocked }, () =>
    blocked.length === 0 ? 'Nobody is blocked.' : `Blocked: ${blocked.join(', ')}.`,
  );
}

/** The change is kept either way; without a network it goes with the next sync. */
async function tellOtherDevices({ signal, log }: Context, { client }: Person): Promise<void> {
  try {
    await client.connect(signal);
    await client.flush(signal);
  } catch (error) {
    signal.throwIfAborted();
    log.info({ error }, 'no node is connected: the change goes with the next sync');
  }
}
