/** `nodes …`: the nodes a person may use, and the choice among them. */
import type { Command } from 'commander';
import type { Client, NodeInfo } from '../../client/index.ts';
import type { Act } from '../context.ts';
import { nodeUrlOf } from '../node-url.ts';
import { DEVICE, forPerson, type PersonOptions, withExamples } from '../options.ts';
import { withPerson } from '../person.ts';
import type { Column } from '../terminal/table.ts';

export function addNodes(program: Command, act: Act): void {
  const nodes = program
    .command('nodes')
    .helpGroup(DEVICE)
    .description('The nodes you may use, and the choice among them.');
  const on = (
    name: string,
    description: string,
    change: (client: Client, words: readonly string[], options: { key?: string }) => Promise<void>,
    isDefault = false,
  ): Command =>
    forPerson(nodes.command(name, { isDefault }).description(description)).action(
      act(async (context, options: PersonOptions & { key?: string }, ...words: string[]) =>
        withPerson(context, options, { isOnline: false }, async ({ client }) => {
          await change(client, words, options);
          context.output.table(
            client.nodes.list(),
            fieldsOf,
            COLUMNS,
            'No node is known: add one with `restante nodes add`.',
          );
        }),
      ),
    );
  withExamples(
    on('list', 'Show them.', async () => {}, true),
    'restante nodes',
  );
  const named = (command: Command): Command => command.argument('<name>', 'as `restante nodes` shows it');
  const pin = named(on('pin', 'Prefer one to all others.', (client, [name = '']) => client.nodes.pin(name)));
  withExamples(pin, 'restante nodes pin berlin');
  withExamples(
    on('unpin', 'Choose the best each time again.', (client) => client.nodes.unpin()),
    'restante nodes unpin',
  );
  const add = named(
    on('add', 'Add one of your own.', (client, [name = '', url = ''], { key }) =>
      client.nodes.add(name, url.startsWith('/') ? url : nodeUrlOf(url), key),
    ),
  );
  add.argument('<url>', 'wss://… or a multiaddr').option('--key <base64>', 'the key that it must prove');
  withExamples(add, 'restante nodes add cellar ws://192.168.1.5:7896');
  const remove = named(on('remove', 'Remove one of your own.', (client, [name = '']) => client.nodes.remove(name)));
  withExamples(remove, 'restante nodes remove cellar');
  const fleet = on('fleet', 'Use another fleet.', (client, [name = '']) => client.nodes.useFleet(name));
  withExamples(fleet.argument('<name>', 'a fleet'), 'restante nodes fleet main');
  addPing(nodes, act);
}

function addPing(nodes: Command, act: Act): void {
  const ping = forPerson(nodes.command('ping').description('Ask each of them, and say how long the answer took.'));
  withExamples(
    ping.action(
      act(async (context, options: PersonOptions) =>
        withPerson(context, options, { isOnline: false }, async ({ client }) => {
          const answers = new Map((await client.nodes.ping(context.signal)).map(({ name, rttMs }) => [name, rttMs]));
          const rows = client.nodes.list().map((node) => ({ ...node, rttMs: answers.get(node.name) }));
          context.output.table(rows, fieldsOf, COLUMNS, 'No node is known.');
        }),
      ),
    ),
    'restante nodes ping',
  );
}

function fieldsOf({ name, url, source, state, rttMs, pinned, score }: NodeInfo): object {
  return { name, url, source, state, rttMs: rttMs === undefined ? null : Math.round(rttMs * 10) / 10, pinned, score };
}

const COLUMNS: readonly Column<NodeInfo>[] = [
  { title: 'NAME', cell: ({ name }) => name },
  { title: 'SOURCE', cell: ({ source }) => source },
  { title: 'STATE', cell: ({ state }) => state },
  { title: 'PING', cell: ({ rttMs }) => (rttMs === undefined ? '-' : `${rttMs.toFixed(1)} ms`), align: 'right' },
  { title: 'PINNED', cell: ({ pinned }) => (pinned ? 'yes' : '') },
  { title: 'URL', cell: ({ url }) => url, flexible: 1 },
];
