/** Whether everything is as it must be, once nobody writes any more: each check on its own, with what it looked at. */
import { createHash } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { toHex } from '../../src/base/index.ts';
import type { Summary } from '../../src/client/index.ts';
import { type PduId, pduIdOf } from '../../src/protocol/index.ts';
import { type Device, deps } from './device.ts';
import { QUIET_MS_MAX } from './limits.ts';
import type { Letter } from './mail-book.ts';
import { treeOf } from './process-tree.ts';
import type { Email } from './session.ts';
import type { World } from './world.ts';

/** Between two looks at what still moves. */
const AGAIN_MS = 500;

/** A sentence of what was looked at; what is wrong is told to the world's breaches. */
type Check = (world: World) => Promise<string>;

/** While everything runs. */
export const LIVE_CHECKS: Readonly<Record<string, Check>> = {
  'nothing waits': async ({ breaches, devices }) => {
    const signal = AbortSignal.timeout(QUIET_MS_MAX);
    for (const { client, name } of devices)
      await client
        .flush(signal)
        .catch((error: unknown) => breaches.add(`${name} cannot send what waits: ${String(error)}`));
    const kept = devices.flatMap(({ client, name }) =>
      client.outbox.items.map(({ id, refused }) => ({ name, id, refused })),
    );
    breaches.none(
      'queued for ever',
      kept.filter(({ refused }) => refused === undefined),
    );
    return `${devices.length} outboxes empty, but for ${kept.length} that a node refused`;
  },
  'complete at every node': async ({ breaches, devices, homes }) => {
    const sentences: string[] = [];
    const signal = AbortSignal.timeout(QUIET_MS_MAX);
    for (const device of devices) {
      const fleet = Object.values(homes).find(({ home }) => device.address.endsWith(`@${home}`));
      const names = [...(fleet?.nodes.keys() ?? [])];
      for (const node of names) {
        await device.client.nodes.pin(node);
        const { complete, report } = await device.client.sync({ signal });
        if (!complete) breaches.add(`${device.name} is not complete at ${node}: ${report.sentence}`);
      }
      await device.client.nodes.unpin();
      // What a device writes itself leaves the others behind by what they said last, until it asks them again.
      let sentence = '';
      const isSaid = (): boolean => sentence.endsWith(`on ${names.length} of ${names.length} nodes`);
      await soon(async () => {
        sentence = (await device.client.report()).sentence;
        return isSaid();
      });
      if (!isSaid()) breaches.add(`${device.name} says: ${sentence}`);
      sentences.push(`${device.name}: ${sentence}`);
    }
    return sentences.join('; ');
  },
  'every mail once at every device': async (world) => {
    const { book, breaches, canary, devices } = world;
    let count = 0;
    for (const device of devices) {
      const mails = await listOf(device);
      count += mails.length;
      const here = new Map<number, PduId>();
      for (const { id, problem, proof, subject } of mails) {
        const number = canary.numberIn(subject);
        if (number === undefined || !book.letters.has(number))
          breaches.add(`${device.name} lists what nobody wrote: ${id}`);
        else if (here.has(number)) breaches.add(`${device.name} lists mail ${number} twice`);
        else here.set(number, id);
        if (problem !== undefined || proof === 'unreadable')
          breaches.add(`${device.name} cannot read ${id}: ${problem}`);
      }
      breaches.none(`${device.name} lacks acknowledged mail`, lacking(world, device, here));
    }
    breaches.none(
      'acknowledged and not everywhere',
      book
        .openBefore(Number.POSITIVE_INFINITY)
        .map((letter) => `${letter.number} at ${book.missingAt(letter).join(', ')}`),
    );
    return `${count} mails at ${devices.length} devices`;
  },
  'every node shows everybody the same': async (world) => {
    let count = 0;
    for (const fleet of Object.values(world.homes)) {
      const people = world.devices.filter(({ address }) => address.endsWith(`@${fleet.home}`));
      for (const { address, profile } of firstOfEach(people)) {
        const views: string[] = [];
        for (const { name } of fleet.running) {
          const client = await fleet.connect(name);
          await client.authenticate(deps.random, address, profile.device);
          await client.follow({ headersOnly: true });
          client.close();
          const entries = [...client.entries.values()]
            .flat()
            .map((entry) => ({ ...entry, id: pduIdOf(deps.suite, entry.pdu) }));
          const lines = entries.map(({ id, number, previousLink }) => `${toHex(previousLink)} ${number} ${id}`).sort();
          views.push(createHash('sha256').update(lines.join('\n')).digest('hex'));
          count += lines.length;
        }
        if (new Set(views).size > 1) world.breaches.add(`the nodes of ${fleet.home} show ${address} different mail`);
      }
    }
    return `${count} entries of mailboxes`;
  },
  'views as rebuilt': async ({ breaches, homes }) => {
    let checked = 0;
    for (const fleet of Object.values(homes))
      for (const { name } of fleet.running) {
        const result = await fleet.operator(name, (operator) => operator.verify());
        breaches.none(`node ${name} of ${fleet.home}`, result.problems);
        checked += 1;
      }
    return `${checked} nodes verified`;
  },
  'JMAP shows the same': async (world) => {
    let count = 0;
    for (const session of world.sessions) {
      const device = world.devices.find(({ address }) => address === session.address) as Device;
      let differences: readonly string[] = [];
      await soon(async () => {
        const emails = await session.emails();
        count = emails.length;
        differences = jmapDifferences(world, device, emails, await listOf(device));
        return differences.length === 0;
      });
      world.breaches.none(`${session.name} and ${device.name} differ`, differences);
    }
    return `${count} emails of the last of ${world.sessions.length} people`;
  },
  'devices of a person agree on marks': async ({ breaches, devices }) => {
    let marks = 0;
    for (const first of firstOfEach(devices))
      for (const other of devices.filter(({ address, name }) => address === first.address && name !== first.name)) {
        let differ: readonly string[] = [];
        await soon(async () => {
          const words = await wordsOf(first);
          marks = [...words.values()].filter((text) => text !== '').length;
          differ = [...(await wordsOf(other))].filter(([id, text]) => words.get(id) !== text).map(([id]) => id);
          return differ.length === 0;
        });
        breaches.none(`${other.name} says otherwise than ${first.name}`, differ);
      }
    return `${marks} mails with marks of the last person`;
  },
  'large attachments whole': async ({ book, breaches, devices }) => {
    const large = [...book.letters.values()].filter(
      ({ large, status }) => large !== undefined && status === 'acknowledged',
    );
    for (const letter of large) {
      const reader =
        devices.find(({ address, name }) => address !== letter.author && letter.seen.has(name)) ?? devices[0];
      const hash = await largeHash(reader as Device, letter).catch((error: unknown) => String(error));
      if (hash !== letter.large) breaches.add(`the attachment of mail ${letter.number} at ${reader?.name}: ${hash}`);
    }
    return `${large.length} fetched`;
  },
  'no alarm': async ({ breaches, devices }) => {
    for (const { client, name } of devices) breaches.none(`${name} has alarms`, client.alarms);
    return `${devices.length} devices`;
  },
  'both sides of IMAP equal': async ({ breaches, imap }) => {
    if (imap === undefined) return 'none';
    let sides = await imap.bothSides();
    await soon(async () => {
      sides = await imap.bothSides();
      return JSON.stringify(sides.hub) === JSON.stringify(sides.server);
    });
    const differ = Object.entries(sides.server).flatMap(([folder, lines]) =>
      differencesOf(folder, lines, sides.hub[folder]),
    );
    breaches.none('IMAP, at the server or at the hub only', differ);
    return Object.entries(sides.server)
      .map(([folder, lines]) => `${folder} ${lines.length}`)
      .join(', ');
  },
  'no secret in a process': async ({ breaches, canary, homes, hubs }) => {
    const scan = canary.scan();
    const nodes = Object.values(homes).flatMap(({ running }) => running.map(({ process }) => process?.pid ?? 0));
    const pids = [...nodes, ...hubs.running.flatMap(({ pid }) => treeOf(pid))];
    for (const pid of pids) breaches.none(`process ${pid} shows a secret`, scan.inProcess(pid));
    return `${pids.length} processes`;
  },
};

/** Once nothing runs: nothing that only readers may see is on any disk. */
export function scanDisks({
  breaches,
  canary,
  devices,
  dovecot,
  folder,
  homes,
  hubs,
  postgres,
  rabbit,
}: World): string {
  const keys = devices.flatMap(({ profile }) => [profile.device.secretKey, profile.contentKey]);
  const scan = canary.scan(keys);
  const places = [...Object.values(homes).map((fleet) => fleet.folder), hubs.folder, postgres.folder, rabbit.folder];
  let count = 0;
  for (const place of places) {
    const { count: files, found } = scan.inFolder(place);
    count += files;
    breaches.none(`in the clear in ${place.slice(folder.length)}`, found);
  }
  const logs = [
    ...Object.values(homes).flatMap(({ everyProcess }) => everyProcess),
    ...hubs.everyProcess.map(({ process }) => process),
  ];
  breaches.none(
    'in the clear in a log',
    logs.filter(({ log }) => scan.finds(Buffer.from(log))).map(({ pid }) => pid),
  );
  // What looks for nothing finds nothing: the canary is where it may be.
  if (scan.inFolder(dovecot.folder).found.length === 0) breaches.add('the scan does not find what is there');
  return `${count} files and ${logs.length} logs hold none of ${keys.length} keys, 2 passwords and the canary`;
}

function lacking({ book }: World, { address }: Device, here: ReadonlyMap<number, PduId>): readonly number[] {
  const home = address.slice(address.indexOf('@') + 1);
  return [...book.letters.values()]
    .filter(
      ({ recipients, refusedBy, status }) =>
        status === 'acknowledged' && recipients?.includes(address) === true && !refusedBy.has(home),
    )
    .filter(({ id, number }) => here.get(number) !== id)
    .map(({ number }) => number);
}

/** What is said at one side takes a moment to the other. */
async function soon(isSo: () => Promise<boolean>): Promise<void> {
  const limit = performance.now() + QUIET_MS_MAX;
  while (!(await isSo()) && performance.now() < limit) await pause(AGAIN_MS);
}

/** By a person's device and by JMAP, where what one has written oneself is always read. */
function jmapDifferences(
  world: World,
  { address }: Device,
  emails: readonly Email[],
  summaries: readonly Summary[],
): readonly string[] {
  const numberOf = (subject: string): number | undefined => world.canary.numberIn(subject);
  const here = new Map(summaries.map((summary) => [numberOf(summary.subject), summary]));
  const there = new Map(emails.map((email) => [numberOf(email.subject), email]));
  const twice = there.size < emails.length ? ['a mail is shown twice'] : [];
  const besides = [...there.keys()].filter((number) => !here.has(number)).map((number) => `${number} by JMAP only`);
  const flags = [...here].flatMap(([number, { author, keywords }]) => {
    const shown = there.get(number);
    if (shown === undefined) return [`${number} not by JMAP`];
    const isOwn = author === address;
    const isSame =
      keywords.includes('flagged') === (shown.keywords.$flagged === true) &&
      (isOwn || keywords.includes('read') === (shown.keywords.$seen === true));
    return isSame ? [] : [`${number}: ${keywords.join(' ')}, by JMAP ${Object.keys(shown.keywords).join(' ')}`];
  });
  return [...twice, ...besides, ...flags];
}

function differencesOf(folder: string, lines: readonly string[], others: readonly string[] = []): readonly string[] {
  const only = [...lines.filter((line) => !others.includes(line)), ...others.filter((line) => !lines.includes(line))];
  return only.map((line) => `${folder}: ${line}`);
}

async function wordsOf(device: Device): Promise<ReadonlyMap<PduId, string>> {
  return new Map((await listOf(device)).map(({ id, keywords }) => [id, [...keywords].sort().join(' ')]));
}

async function listOf({ client }: Device): Promise<readonly Summary[]> {
  const summaries: Summary[] = [];
  for await (const summary of client.mail.list({ junk: true })) summaries.push(summary);
  return summaries;
}

function firstOfEach(devices: readonly Device[]): readonly Device[] {
  return devices.filter(({ address }, at) => devices.findIndex((device) => device.address === address) === at);
}

async function largeHash({ client }: Device, { id }: Letter): Promise<string> {
  const { text } = await client.mail.read(id as PduId);
  const manifest = text.attachments.find((attachment) => attachment.manifest !== undefined)?.manifest;
  if (manifest === undefined) return 'there is none';
  await using download = await client.openAttachment(manifest, AbortSignal.timeout(QUIET_MS_MAX));
  const hash = createHash('sha256');
  for await (const chunk of download.chunks(1)) hash.update(chunk);
  return hash.digest('hex');
}
