/**
 * Folders for a scripted IMAP server: what it says of them, and what programs do to them, in IMAP4rev1 with UIDPLUS and MOVE,
 * and with CONDSTORE and ESEARCH where a test wants them. Of what has gone it never says anything, QRESYNC or not. A test puts
 * its own answers before it.
 */
import type { Socket } from 'node:net';
import type { Script } from './hostile-imap.ts';

export interface FakeMessage {
  readonly uid: number;
  readonly flags: Set<string>;
  readonly subject: string;
  /** Undefined: the server has lost them, and says NIL. */
  readonly octets: string | undefined;
  /** As the server says. */
  readonly size: number;
  modseq: number;
}

export class FakeFolder {
  readonly uidValidity: number;
  messages: FakeMessage[] = [];
  uidNext = 1;
  modseq = 1;
  permanentFlags = '\\Seen \\Draft \\Deleted \\*';

  constructor(uidValidity: number, subjects: readonly string[] = []) {
    this.uidValidity = uidValidity;
    for (const subject of subjects) this.add(subject);
  }

  add(
    subject: string,
    flags: Iterable<string> = [],
    octets: string | undefined = `Subject: ${subject}\r\nMessage-ID: <${subject}@example.org>\r\n\r\n`,
    size = octets?.length ?? 0,
  ): void {
    const [uid, modseq] = [this.uidNext++, ++this.modseq];
    this.messages.push({ uid, modseq, flags: new Set(flags), subject, octets, size });
  }

  /** As another program does. */
  flag(subject: string, flag: string): void {
    for (const message of this.messages.filter((one) => one.subject === subject)) {
      message.flags.add(flag);
      message.modseq = ++this.modseq;
    }
  }

  take(uids: ReadonlySet<number>): FakeMessage[] {
    const taken = this.messages.filter(({ uid }) => uids.has(uid));
    this.messages = this.messages.filter(({ uid }) => !uids.has(uid));
    this.modseq++;
    return taken;
  }
}

/** A message that comes line by line. */
interface Appending {
  readonly tag: string;
  readonly folder: FakeFolder;
  readonly flags: readonly string[];
  left: number;
  octets: string;
}

/** Gmail's folder of all messages. */
export const ALL_MAIL = 'All Mail';

/** By path. */
export type FakeFolders = Map<string, FakeFolder>;

/** With the extensions, beside what it has always, that are named. */
export function servingFolders(folders: FakeFolders, extensions: readonly string[] = []): Script {
  const hasModseqs = extensions.includes('CONDSTORE');
  const selected = new WeakMap<Socket, FakeFolder>();
  const appending = new WeakMap<Socket, Appending>();
  return (tag, command, socket) => {
    const under = appending.get(socket);
    if (under !== undefined) {
      const line = command === '' ? tag : `${tag} ${command}`;
      under.left -= line.length + 2;
      if (under.left > -2) under.octets += `${line}\r\n`;
      if (under.left >= 0) return '';
      appending.delete(socket);
      under.folder.add(/^Subject: (.*)\r/m.exec(under.octets)?.[1] ?? '', under.flags, under.octets);
      return `${under.tag} OK done\r\n`;
    }
    const [verb = '', ...rest] = command.replace(/^UID /i, '').split(' ');
    const said = rest.join(' ');
    const done = (...lines: readonly string[]): string => [...lines, `${tag} OK done`, ''].join('\r\n');
    const folder = selected.get(socket);
    switch (verb.toUpperCase()) {
      case 'CAPABILITY':
        if (extensions.length === 0) return undefined;
        return done(`* CAPABILITY IMAP4rev1 UIDPLUS MOVE IDLE ENABLE ${extensions.join(' ')}`);
      case 'ENABLE':
        return done(`* ENABLED ${rest.filter((extension) => extensions.includes(extension)).join(' ')}`);
      case 'LIST':
      case 'LSUB': {
        const pattern = unquoted(said.split(' ').slice(1).join(' '));
        const paths = [...folders.keys()].filter((path) => pattern === '*' || path === pattern);
        return done(...paths.map((path) => `* ${verb} (${path === ALL_MAIL ? '\\All' : ''}) "/" "${path}"`));
      }
      case 'STATUS': {
        const path = unquoted(said.replace(/ \(.*$/, ''));
        const asked = folders.get(path);
        return asked === undefined ? `${tag} NO there is none\r\n` : done(statusOf(path, asked, said));
      }
      case 'SELECT':
      case 'EXAMINE': {
        const opened = folders.get(unquoted(said));
        if (opened === undefined) return `${tag} NO there is none\r\n`;
        selected.set(socket, opened);
        const { messages, modseq, permanentFlags, uidNext, uidValidity } = opened;
        const codes = [`* OK [UIDVALIDITY ${uidValidity}] valid`, `* OK [UIDNEXT ${uidNext}] next`];
        if (hasModseqs) codes.push(`* OK [HIGHESTMODSEQ ${modseq}] highest`);
        return done(`* ${messages.length} EXISTS`, ...codes, `* OK [PERMANENTFLAGS (${permanentFlags})] flags`);
      }
      case 'APPEND': {
        const [, path = '', flags = '', left = ''] = /^(\S+) \((.*)\) "[^"]*" \{(\d+)\}$/.exec(said) ?? [];
        const to = folders.get(unquoted(path));
        if (to === undefined) return `${tag} NO [TRYCREATE] there is none\r\n`;
        appending.set(socket, { tag, folder: to, flags: flags.split(' '), left: Number(left), octets: '' });
        return '+ go on\r\n';
      }
      case 'CREATE':
        folders.set(unquoted(said), new FakeFolder(1_000 + folders.size));
        return done();
      case 'DELETE':
        folders.delete(unquoted(said));
        return done();
    }
    if (folder === undefined) return undefined;
    if (verb.toUpperCase() === 'FETCH') return done(...allFetched(folder, said, /^UID /i.test(command)));
    return inFolder(folders, folder, verb.toUpperCase(), said, done);
  };
}

function inFolder(
  folders: FakeFolders,
  folder: FakeFolder,
  verb: string,
  said: string,
  done: (...lines: readonly string[]) => string,
): string | undefined {
  const [set = '', ...rest] = said.split(' ');
  switch (verb) {
    case 'SEARCH': {
      const there = folder.messages.filter(({ flags }) => !flags.has('\\Deleted'));
      const set = there.map(({ uid }) => uid).join(',');
      if (said.includes('RETURN (COUNT ALL)') && set !== '')
        return done(`* ESEARCH UID COUNT ${there.length} ALL ${set}`);
      if (said.includes('RETURN (COUNT')) return done(`* ESEARCH UID COUNT ${there.length}`);
      return done(['* SEARCH', ...there.map(({ uid }) => uid)].join(' '));
    }
    case 'STORE': {
      const flags = /\((.*)\)/.exec(said)?.[1]?.split(' ') ?? [];
      for (const message of folder.messages.filter(({ uid }) => isIn(set, uid))) {
        message.modseq = ++folder.modseq;
        for (const flag of flags) said.includes(' -') ? message.flags.delete(flag) : message.flags.add(flag);
      }
      return done();
    }
    case 'EXPUNGE':
      folder.take(new Set(folder.messages.filter(({ uid }) => isIn(set, uid)).map(({ uid }) => uid)));
      return done();
    case 'COPY':
    case 'MOVE': {
      const to = folders.get(unquoted(rest.join(' ')));
      if (to === undefined) return undefined;
      const meant = folder.messages.filter(({ uid }) => isIn(set, uid));
      for (const { flags, octets, size, subject } of meant) to.add(subject, flags, octets, size);
      if (verb === 'MOVE') folder.take(new Set(meant.map(({ uid }) => uid)));
      return done();
    }
    default:
      return undefined;
  }
}

function allFetched({ messages }: FakeFolder, said: string, isByUid: boolean): string[] {
  const [set = ''] = said.split(' ');
  const since = Number(/\(CHANGEDSINCE (\d+)/.exec(said)?.[1] ?? 0);
  return messages.flatMap((message, at) => {
    const isMeant = message.modseq > since && isIn(set, isByUid ? message.uid : at + 1);
    return isMeant ? fetched(message, at + 1, said) : [];
  });
}

function fetched({ flags, octets, size, subject, uid }: FakeMessage, sequence: number, said: string): string {
  const items = [`UID ${uid}`, `FLAGS (${[...flags].join(' ')})`, `RFC822.SIZE ${size}`];
  // The same for the same subject, in whatever folder.
  if (said.includes('X-GM-MSGID'))
    items.push(`X-GM-MSGID ${Number.parseInt(Buffer.from(subject).toString('hex'), 16)}`);
  const section = /BODY\.PEEK\[(HEADER)?\](?:<(\d+)\.(\d+)>)?/.exec(said);
  if (section === null) return `* ${sequence} FETCH (${items.join(' ')})`;
  const [, part, start, count] = section;
  const whole = part === undefined ? octets : octets?.replace(/(?<=\r\n\r\n).*$/s, '');
  const asked = start === undefined ? whole : whole?.slice(Number(start), Number(start) + Number(count));
  const name = `BODY[${part ?? ''}]${start === undefined ? '' : `<${start}>`}`;
  items.push('INTERNALDATE "01-Jan-2026 00:00:00 +0000"');
  items.push(asked === undefined ? `${name} NIL` : `${name} {${asked.length}}\r\n${asked}`);
  return `* ${sequence} FETCH (${items.join(' ')})`;
}

function statusOf(path: string, { messages, modseq, uidNext, uidValidity }: FakeFolder, said: string): string {
  const items = [`MESSAGES ${messages.length} UIDNEXT ${uidNext} UIDVALIDITY ${uidValidity}`];
  if (said.includes('HIGHESTMODSEQ')) items.push(`HIGHESTMODSEQ ${modseq}`);
  if (said.includes('UNSEEN')) items.push(`UNSEEN ${messages.filter(({ flags }) => !flags.has('\\Seen')).length}`);
  return `* STATUS "${path}" (${items.join(' ')})`;
}

function isIn(set: string, uid: number): boolean {
  return set.split(',').some((run) => {
    const [from = '', to = from] = run.split(':');
    return Number(from) <= uid && (to === '*' || uid <= Number(to));
  });
}

function unquoted(text: string): string {
  return text.replace(/^"|"$/g, '');
}
