/** `fleet …`: the nodes of a home, and how far they copy each other's feeds. */
import type { Command } from 'commander';
import type { FleetStatus } from '../../node/index.ts';
import type { Act, Context } from '../context.ts';
import { databaseOption, forServer, type ServerOptions, withExamples } from '../options.ts';
import { asOperator, dataFolderOf, loadNode } from '../server.ts';
import { showCount } from '../terminal/figures.ts';

interface JoinOptions extends ServerOptions {
  readonly database?: string;
  readonly token: string;
  readonly name: string;
}

export function addFleet(program: Command, act: Act): void {
  const fleet = program.command('fleet').description('The nodes of a home, each with a copy of all its mail.');
  withExamples(
    forServer(
      fleet.command('status', { isDefault: true }).description('Show the nodes, and how far each feed is copied.'),
    ).action(
      act(async (context, options: ServerOptions) => {
        const status = await asOperator(context, options, (operator) => operator.fleetStatus());
        show(context, status);
      }),
    ),
    'restante fleet status',
  );
  withExamples(
    forServer(
      fleet.command('token').description('Make a token by which one new node may join, within the hour.'),
    ).action(
      act(async (context, options: ServerOptions) => {
        const token = await asOperator(context, options, (operator) => operator.fleetToken());
        context.output.result({ token }, () => [token]);
      }),
    ),
    'restante fleet token',
  );
  withExamples(
    forServer(fleet.command('join').description('Make a new folder a node of the home that runs at a URL.'))
      .argument('<url>', 'of a node that runs')
      .requiredOption('--token <token>', 'from `restante fleet token` there')
      .requiredOption('--name <name>', 'what the new node is called, such as b')
      .addOption(databaseOption())
      .action(act(join)),
    'restante fleet join wss://mail.home.example --token 1f0c… --name b --data ./node-b',
  );
  withExamples(
    forServer(
      fleet
        .command('remove')
        .description('Let the home go on without a node; the node here goes on with what that one had begun.'),
    )
      .argument('<node>', 'its name')
      .action(
        act(async (context, options: ServerOptions, node: string) => {
          const status = await asOperator(context, options, (operator) => operator.fleetRemove(node));
          show(context, status);
        }),
      ),
    'restante fleet remove b',
  );
  addMirrors(fleet, act);
}

function addMirrors(fleet: Command, act: Act): void {
  const mirror = fleet
    .command('mirror')
    .description('Let a program that is no node copy what this node writes, as a Dat feed (hypercore 6 and 7).');
  withExamples(
    forServer(mirror.command('add').description('Name a mirror; what it authorizes itself by is shown once.'))
      .argument('<name>', 'such as archive')
      .action(
        act(async (context, options: ServerOptions, name: string) => {
          const access = await asOperator(context, options, (operator) => operator.addMirror(name));
          context.output.result(access, () => [
            `Mirror ${access.mirror} may open a WebSocket at /fleet of this node with the header`,
            '',
            `  Authorization: Bearer ${access.token}`,
            '',
            `and copy, by hypercore-protocol 6, the feed ${access.key}.`,
            'Whoever has that key and a copy reads addresses, sizes and times of all mail, and no content.',
          ]);
        }),
      ),
    'restante fleet mirror add archive',
  );
  withExamples(
    forServer(mirror.command('list').description('The mirrors of this node.')).action(
      act(async (context, options: ServerOptions) => {
        const mirrors = await asOperator(context, options, (operator) => operator.mirrors());
        for (const name of mirrors) context.output.result({ mirror: name }, () => [name]);
      }),
    ),
    'restante fleet mirror list',
  );
  withExamples(
    forServer(mirror.command('remove').description('Cut a mirror off, for good.'))
      .argument('<name>', 'its name')
      .action(
        act(async (context, options: ServerOptions, name: string) => {
          const mirrors = await asOperator(context, options, (operator) => operator.removeMirror(name));
          context.output.result({ removed: name, mirrors }, () => [`${name} copies nothing any more.`]);
        }),
      ),
    'restante fleet mirror remove archive',
  );
}

async function join(context: Context, options: JoinOptions, url: string): Promise<void> {
  const { joinFleet, openNodeDialer } = await loadNode();
  const folder = dataFolderOf(context, options);
  const dialer = openNodeDialer(context.deps.clock);
  const { database, name, token } = options;
  const joined = await joinFleet(
    { ...context.deps, log: context.log, dialer },
    { folder, url, token, name, ...(database === undefined ? {} : { database }) },
    context.signal,
  );
  context.output.result({ ...joined, folder }, () => [
    `This is node ${joined.node} of ${joined.home} now. Start it with \`restante up --data ${folder}\`.`,
  ]);
}

function show(context: Context, { feeds, home, node, nodes, removed }: FleetStatus): void {
  context.output.result({ home, node, removed, nodes, feeds }, () => {
    const { paint } = context.output;
    const lines = [
      removed ? paint.bad(`Node ${node} was removed from ${home}.`) : `Node ${paint.bold(node)} of ${home}`,
      '',
      ...nodes.map(
        (one) =>
          `  ${one.state === 'away' ? paint.bad('○') : paint.good('●')} ${one.node.padEnd(12)} ${one.state.padEnd(8)} ` +
          `${one.urls[0] ?? ''}${one.registrar ? '  keeps the keys' : ''}`,
      ),
      '',
    ];
    for (const feed of feeds) {
      const have = feed.have === feed.length ? 'complete' : `${showCount(feed.have)} here`;
      const copies = feed.copies === 1 ? '1 copy' : `${feed.copies} copies`;
      lines.push(
        `  ${feed.feed.slice(0, 16)}… by ${feed.node}: ${showCount(feed.length)} blocks, ${have}, ${copies} elsewhere` +
          `${feed.retired ? ', retired' : ''}`,
      );
      if (feed.fork !== null)
        lines.push(
          paint.bad(`    its key signed two histories, of ${feed.fork.join(' and ')} blocks: it takes nothing more`),
        );
    }
    return lines;
  });
}
