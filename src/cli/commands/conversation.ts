/** `conversation …`: who takes part and as what, and changing that. */
import { type Command, InvalidArgumentError } from 'commander';
import type {
  Acted,
  Client,
  ConversationActs,
  ConversationEvent,
  ConversationView,
  GrantedRole,
  Standing,
} from '../../client/index.ts';
import { type Address, type ConversationId, type HomeName, parseConversationId } from '../../protocol/index.ts';
import type { Act, Context } from '../context.ts';
import { messageColumns, messageFields } from '../message-view.ts';
import { addressArgument, forPerson, homeOption, type PersonOptions, withExamples } from '../options.ts';
import { connectIfPossible, withPerson } from '../person.ts';
import { counted, showTime } from '../terminal/figures.ts';
import type { Paint } from '../terminal/paint.ts';

const ID = '0123456789abcdef0123456789abcdef';

export function addConversation(program: Command, act: Act): void {
  const conversation = forPerson(program.command('conversation').description('Members and state of a conversation.'));
  const on = (name: string, description: string): Command =>
    forPerson(conversation.command(name).description(description)).argument(
      '<id>',
      'the conversation of `restante list --json`',
      conversationArgument,
    );
  withExamples(
    on('show', 'Show who is in it, and what of it is here.').action(act(show)),
    `restante conversation show ${ID}`,
  );
  withExamples(
    on('add', 'Add people, or change what they are. Owners may.')
      .argument('<addresses...>', 'whom', addAddress)
      .option('--role <role>', 'member, owner or reader (reads, does not write)', roleOption, 'member')
      .option('--invite', 'they are in it once they join')
      .action(act(add)),
    `restante conversation add ${ID} carol@home.example`,
    `restante conversation add ${ID} dave@other.example --role reader`,
  );
  withExamples(
    on('remove', 'Remove people: what is written from now on is not for them. Owners may.')
      .argument('<addresses...>', 'whom', addAddress)
      .action(act(remove)),
    `restante conversation remove ${ID} carol@home.example`,
  );
  withExamples(
    on('leave', 'Leave it, or refuse an invitation.').action(act(leave)),
    `restante conversation leave ${ID}`,
  );
  withExamples(
    on('join', 'Join where you are invited, or where it is open.')
      .option('--at <home>', 'the home of somebody who is in it, where nobody of yours is yet', homeOption)
      .action(act(join)),
    `restante conversation join ${ID}`,
    `restante conversation join ${ID} --at other.example`,
  );
  withExamples(
    on('open', 'Let people join by themselves. Owners may.')
      .option('--as <role>', 'as what at most: member or reader', openRoleOption, 'member')
      .action(act(openUp)),
    `restante conversation open ${ID} --as reader`,
  );
  withExamples(
    on('close', 'Let only those join who are invited. Owners may.').action(act(close)),
    `restante conversation close ${ID}`,
  );
}

async function show(context: Context, options: PersonOptions, id: ConversationId): Promise<void> {
  const { output, deps } = context;
  const view = await run(context, options, (client) => client.conversations.show(id));
  const now = deps.clock.now();
  output.result(fieldsOf(view), (paint) => [
    `${counted(view.messages.length, 'message')}. ${describeRule(view.joinRule)}`,
    ...memberLines(view, paint),
    ...view.events.map((event) => paint.dim(`  ${showTime(event.at, now)}  ${describeEvent(event)}`)),
    ...gapLines(view, paint),
  ]);
  if (!output.json) output.table(view.messages, messageFields, messageColumns(output.paint, now), '');
}

async function add(
  context: Context,
  options: PersonOptions & { readonly role: GrantedRole; readonly invite?: boolean },
  id: ConversationId,
  addresses: readonly Address[],
): Promise<void> {
  const role = options.invite === true ? 'invited' : options.role;
  await change(context, options, id, (conversations) => conversations.add(id, addresses, role, context.signal));
}

async function remove(
  context: Context,
  options: PersonOptions,
  id: ConversationId,
  addresses: readonly Address[],
): Promise<void> {
  await change(context, options, id, (conversations) => conversations.remove(id, addresses, context.signal));
}

async function leave(context: Context, options: PersonOptions, id: ConversationId): Promise<void> {
  await change(context, options, id, (conversations) => conversations.leave(id, context.signal));
}

async function join(
  context: Context,
  options: PersonOptions & { readonly at?: HomeName },
  id: ConversationId,
): Promise<void> {
  const { at } = options;
  await change(context, options, id, (conversations) => conversations.join(id, { at, signal: context.signal }));
}

async function openUp(
  context: Context,
  options: PersonOptions & { readonly as: 'member' | 'reader' },
  id: ConversationId,
): Promise<void> {
  const rule = { open: options.as };
  await change(context, options, id, (conversations) => conversations.setJoinRule(id, rule, context.signal));
}

async function close(context: Context, options: PersonOptions, id: ConversationId): Promise<void> {
  await change(context, options, id, (conversations) => conversations.setJoinRule(id, 'invite', context.signal));
}

/** Does it, and shows who is in the conversation then. */
async function change(
  context: Context,
  options: PersonOptions,
  id: ConversationId,
  act: (conversations: ConversationActs) => Promise<Acted>,
): Promise<void> {
  const { status, view } = await run(context, options, async ({ conversations }) => ({
    status: (await act(conversations)).status,
    view: await conversations.show(id),
  }));
  context.output.result({ ...fieldsOf(view), status }, (paint) => [
    status === 'queued'
      ? `${paint.warn('queued')}  No node is connected: it goes with the next sync.`
      : paint.good(status),
    ...memberLines(view, paint),
  ]);
}

/** With a node if one answers: what is here can be shown, and an act waits in the outbox, without one. */
async function run<Result>(
  context: Context,
  options: PersonOptions,
  work: (client: Client) => Promise<Result>,
): Promise<Result> {
  return withPerson(context, options, { isOnline: false }, async ({ client }) => {
    await connectIfPossible(client, context);
    return work(client);
  });
}

function fieldsOf({ conversation, members, messages, gaps, joinRule }: ConversationView): object {
  return { conversation, members, messages: messages.length, gaps: gaps.length, join: joinRule };
}

function memberLines({ members, former }: ConversationView, paint: Paint): string[] {
  const lineOf = ({ address, role }: Standing): string => `  ${role.padEnd(8)} ${address}`;
  return [...members.map(lineOf), ...former.map((standing) => paint.dim(lineOf(standing)))];
}

function gapLines({ gaps, messages }: ConversationView, paint: Paint): string[] {
  const strange = messages.filter(({ counts }) => !counts);
  return [
    ...(gaps.length === 0 ? [] : [paint.warn(`${counted(gaps.length, 'PDU')} that others refer to are not here.`)]),
    ...strange.map(({ id, author }) => paint.warn(`${id.slice(0, 12)}: ${author} had no right to write it.`)),
  ];
}

function describeRule(rule: ConversationView['joinRule']): string {
  return rule === 'invite' ? 'Owners say who is in it.' : `It is open: whoever joins is a ${rule.open}.`;
}

function describeEvent({ author, change, counts }: ConversationEvent): string {
  const text = change.type === 'member' ? describeMember(author, change) : `${author}: ${describeRule(change.value)}`;
  return counts ? text : `${text} (does not count: no right to it)`;
}

function describeMember(
  author: Address,
  { about, role }: Extract<ConversationEvent['change'], { about: Address }>,
): string {
  if (about === author) return role === 'left' ? `${author} left` : `${author} joined as ${role}`;
  if (role === 'removed') return `${author} removed ${about}`;
  return role === 'invited' ? `${author} invited ${about}` : `${author} made ${about} ${role}`;
}

function conversationArgument(text: string): ConversationId {
  try {
    return parseConversationId(text);
  } catch {
    throw new InvalidArgumentError('A conversation is 32 hexadecimal digits, as `restante list --json` shows it.');
  }
}

function roleOption(text: string): GrantedRole {
  if (text === 'member' || text === 'owner' || text === 'reader') return text;
  throw new InvalidArgumentError('A role is member, owner or reader.');
}

function openRoleOption(text: string): 'member' | 'reader' {
  if (text === 'member' || text === 'reader') return text;
  throw new InvalidArgumentError('People join as member or as reader.');
}

function addAddress(text: string, before: readonly Address[] = []): readonly Address[] {
  return [...before, addressArgument(text)];
}
