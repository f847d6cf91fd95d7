/** `conversation show`: who takes part, and whether something of it is not here. */
import type { Command } from 'commander';
import { parseConversationId } from '../../protocol/index.ts';
import type { Act, Context } from '../context.ts';
import { messageColumns, messageFields } from '../message-view.ts';
import { forPerson, type PersonOptions, withExamples } from '../options.ts';
import { withPerson } from '../person.ts';
import { counted } from '../terminal/figures.ts';

export function addConversation(program: Command, act: Act): void {
  const show = forPerson(program.command('conversation').description('Members and state of a conversation.'))
    .command('show')
    .description('Show one.')
    .argument('<id>', 'the conversation of `restante list --json`');
  withExamples(forPerson(show).action(act(run)), 'restante conversation show 0123456789abcdef0123456789abcdef');
}

async function run(context: Context, options: PersonOptions, text: string): Promise<void> {
  const { output, deps } = context;
  await withPerson(context, options, { isOnline: false }, async ({ client }) => {
    const { conversation, members, messages, gaps } = await client.mail.conversation(parseConversationId(text));
    output.result({ conversation, members, messages: messages.length, gaps: gaps.length }, () => [
      `${counted(messages.length, 'message')} among ${members.map(({ address }) => address).join(', ')}.`,
      ...(gaps.length === 0 ? [] : [`${counted(gaps.length, 'message')} that others refer to are not here.`]),
    ]);
    if (!output.json) output.table(messages, messageFields, messageColumns(output.paint, deps.clock.now()), '');
  });
}
