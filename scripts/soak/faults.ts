/** What is done to the world. Each strikes, and gives back how the world is made whole again: from there recovery counts. */
import type { PlannedFault } from './fault-plan.ts';
import { signalTree, treeOf } from './process-tree.ts';
import { copied } from './recovery.ts';
import type { World } from './world.ts';

/** Undefined: there was nothing to strike. */
export type Heal = (() => Promise<void> | void) | undefined;

export interface Fault {
  readonly about: string;
  readonly strike: (world: World, planned: PlannedFault) => Promise<Heal>;
}

/** The first node of a home gives it its name, and its other one its second chance: this one is wiped and replaced. */
const SECOND = 'b';

export const FAULTS: Readonly<Record<string, Fault>> = {
  'node-kill': {
    about: 'kill -9 of a node',
    strike: async ({ homes }, { home, node }) => {
      await homes[home].kill(node);
      return () => homes[home].start(node);
    },
  },
  'node-upgrade': {
    about: 'a node stopped in order and started',
    strike: async ({ homes }, { home, node }) => {
      await homes[home].stop(node);
      return () => homes[home].start(node);
    },
  },
  'node-pause': {
    about: 'a node that stands still (SIGSTOP)',
    strike: async ({ homes }, { home, node }) => paused(homes[home].node(node).process?.pid),
  },
  'home-kill': {
    about: 'kill -9 of both nodes of a home at once',
    strike: async ({ homes }, { home }) => {
      const fleet = homes[home];
      const names = [...fleet.nodes.keys()];
      await Promise.all(names.map((name) => fleet.kill(name)));
      return async () => {
        for (const name of names) await fleet.start(name);
      };
    },
  },
  'disk-lost': {
    about: 'a node killed and its folder gone; it joins anew and is filled by the other',
    strike: async (world, { home }) => {
      const { homes } = world;
      await copied(world, home);
      await homes[home].wipe(SECOND);
      return () => homes[home].add(SECOND, 'a');
    },
  },
  'node-replaced': {
    about: 'a node removed from its home, and another one joins',
    strike: async (world, { home }) => {
      const { homes } = world;
      await copied(world, home);
      await homes[home].remove(SECOND, 'a');
      return () => homes[home].add(SECOND, 'a');
    },
  },
  'disk-full': {
    about: 'a node whose disk is full to the last byte',
    strike: async ({ homes }) => {
      const disk = homes.north.node(SECOND).disk;
      disk?.fill();
      return disk === undefined ? undefined : () => disk.makeRoom();
    },
  },
  'fleet-cut': {
    about: 'links between the nodes of a home cut',
    strike: async ({ homes }, { home }) => cut(homes[home].running, /^GET \/fleet/),
  },
  'homes-cut': {
    about: 'everything between the homes cut',
    strike: async ({ homes }) => cut([...homes.north.running, ...homes.south.running], /^\w+ \/_restante/),
  },
  'clients-cut': {
    about: 'clients and hubs cut off from a node',
    strike: async ({ homes }, { home, node }) => cut([homes[home].node(node)], /^GET \/client/),
  },
  'home-cut': {
    about: 'a home cut off from everybody, its nodes from each other',
    strike: async ({ homes }, { home }) => cut(homes[home].running),
  },
  'hub-kill': {
    about: 'kill -9 of a hub host',
    strike: async ({ hubs }, { host }) => {
      await hubs.kill(host);
      return () => hubs.start(host);
    },
  },
  'hub-upgrade': {
    about: 'a hub host stopped in order and started',
    strike: async ({ hubs }, { host }) => {
      await hubs.stop(host);
      return () => hubs.start(host);
    },
  },
  'hub-drain': {
    about: 'a hub host drained, stopped and started',
    strike: async ({ hubs }, { host }) => {
      await hubs.drain(host);
      await hubs.stop(host);
      return () => hubs.start(host);
    },
  },
  'hub-pause': {
    about: 'a hub host that stands still, without its user servers',
    strike: async ({ hubs }, { host }) => pausedAlone(hubs.pidOf(host)),
  },
  'user-server-kill': {
    about: 'kill -9 of a user server',
    strike: async (world, planned) => {
      const server = await userServer(world, planned);
      if (server === undefined) return undefined;
      signalTree([server.pid], 'SIGKILL');
      return () => undefined;
    },
  },
  'user-server-restart': {
    about: 'a user server started anew by the operator',
    strike: async (world, planned) => {
      const server = await userServer(world, planned);
      if (server === undefined) return undefined;
      await world.hubs.restartUser(server);
      return () => undefined;
    },
  },
  'user-server-pause': {
    about: 'a user server that stands still',
    strike: async (world, planned) => paused((await userServer(world, planned))?.pid),
  },
  'rabbitmq-kill': {
    about: 'kill -9 of RabbitMQ',
    strike: async ({ rabbit }) => {
      await rabbit.kill();
      return () => rabbit.start();
    },
  },
  'rabbitmq-pause': { about: 'RabbitMQ stands still', strike: async ({ rabbit }) => paused(rabbit.pid) },
  'postgres-kill': {
    about: 'kill -9 of PostgreSQL',
    strike: async ({ postgres }) => {
      await postgres.kill();
      return () => postgres.start();
    },
  },
  'postgres-pause': {
    about: 'PostgreSQL stands still, with all its processes',
    strike: async ({ postgres }) => paused(postgres.pid),
  },
  'dovecot-kill': {
    about: 'kill -9 of Dovecot',
    strike: async ({ dovecot }) => {
      await dovecot.kill();
      return () => dovecot.start();
    },
  },
  'dovecot-pause': { about: 'Dovecot stands still', strike: async ({ dovecot }) => paused(dovecot.pid) },
};

async function userServer({ hubs }: World, { user }: PlannedFault) {
  const all = await hubs.userServers();
  return all[user % Math.max(1, all.length)];
}

/** With everything below it. */
function paused(pid: number | undefined): Heal {
  return pid === undefined ? undefined : held(treeOf(pid));
}

function pausedAlone(pid: number | undefined): Heal {
  return pid === undefined ? undefined : held([pid]);
}

function held(pids: readonly number[]): Heal {
  signalTree(pids, 'SIGSTOP');
  return () => signalTree(pids, 'SIGCONT');
}

function cut(
  nodes: readonly { readonly proxy: { cut(firstWords?: RegExp): void; mend(): void } }[],
  firstWords?: RegExp,
): Heal {
  for (const { proxy } of nodes) proxy.cut(firstWords);
  return () => {
    for (const { proxy } of nodes) proxy.mend();
  };
}
