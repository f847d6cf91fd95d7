/** An IMAP account at folders in memory, behind a script that comes first. */
import { FakeFolder, type FakeFolders, servingFolders } from './folder-imap.ts';
import { HostileImap, type Script } from './hostile-imap.ts';
import { ImapWorld } from './imap-world.ts';
import { SkippingClock } from './skipping-clock.ts';
import { until } from './until.ts';

/** `said`: what came over the wire. */
export async function openScriptedImap(
  paths: Readonly<Record<string, readonly string[]>>,
  script: Script = () => undefined,
) {
  const folders: FakeFolders = new Map(
    Object.entries(paths).map(([path, subjects], at) => [path, new FakeFolder(at + 1, subjects)]),
  );
  const said: string[] = [];
  const serve = servingFolders(folders);
  const server = await HostileImap.open((tag, command, socket) => {
    said.push(command);
    return script(tag, command, socket) ?? serve(tag, command, socket);
  });
  const clock = new SkippingClock();
  const world = await ImapWorld.open(server, { user: 'alice', clock });
  return {
    clock,
    folders,
    said,
    server,
    world,
    get status() {
      return world.accounts.status[0]?.server;
    },
    /** All folders are looked at once more. */
    async look(): Promise<void> {
      const before = this.status?.currentAt;
      world.accounts.look(world.accountId);
      await until(() => this.status?.currentAt !== before);
    },
    emailNamed(subject: string): string | undefined {
      return [...world.account.emailIds()].find((id) => world.account.email(id)?.envelope.subject === subject);
    },
    async [Symbol.asyncDispose]() {
      await world[Symbol.asyncDispose]();
      await server[Symbol.asyncDispose]();
    },
  };
}
