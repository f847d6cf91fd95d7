/** A DNS server on loopback whose zone a test writes. It knows all names there are: others do not exist. */
import { createSocket, type Socket } from 'node:dgram';
import { isIPv6 } from 'node:net';

export interface Zone {
  readonly A?: readonly string[];
  readonly AAAA?: readonly string[];
  /** As `10 mail.home.example`. */
  readonly MX?: readonly string[];
  readonly PTR?: readonly string[];
  readonly SRV?: readonly string[];
  readonly TXT?: readonly string[];
  /** The server says that it cannot tell. */
  readonly fails?: true;
}

/** By name, in lower case, without the final dot. */
export type Zones = Record<string, Zone>;

const TYPES = { 1: 'A', 12: 'PTR', 15: 'MX', 16: 'TXT', 28: 'AAAA', 33: 'SRV' } as const;
const SERVER_FAILURE = 2;
const NO_SUCH_NAME = 3;
const STRING_BYTES_MAX = 255;

export class DnsServer implements AsyncDisposable {
  /** May be written while the server runs. */
  readonly zones: Zones;
  /** What was asked, as `TXT home.example`. */
  readonly asked: string[] = [];
  readonly #socket: Socket;

  private constructor(socket: Socket, zones: Zones) {
    this.#socket = socket;
    this.zones = zones;
    socket.on('message', (query, { address, port }) => socket.send(this.#answer(query), port, address));
  }

  static async open(zones: Zones = {}): Promise<DnsServer> {
    const socket = createSocket('udp4');
    await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve));
    return new DnsServer(socket, zones);
  }

  /** As a resolver is told it. */
  get address(): string {
    return `127.0.0.1:${this.#socket.address().port}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await new Promise<void>((resolve) => this.#socket.close(() => resolve()));
  }

  #answer(query: Buffer): Buffer {
    const { end, name } = readName(query);
    const type = TYPES[query.readUInt16BE(end) as keyof typeof TYPES];
    const question = query.subarray(12, end + 4);
    this.asked.push(`${type} ${name}`);
    const zone = this.zones[name.toLowerCase()];
    const data = zone === undefined || type === undefined ? [] : (zone[type] ?? []).map((text) => encode[type](text));
    const code = zone === undefined ? NO_SUCH_NAME : zone.fails === true ? SERVER_FAILURE : 0;
    const header = Buffer.alloc(12);
    header.writeUInt16BE(query.readUInt16BE(0), 0);
    header.writeUInt16BE(0x8180 | code, 2);
    header.writeUInt16BE(1, 4);
    header.writeUInt16BE(data.length, 6);
    const answers = data.map((octets) => {
      const record = Buffer.from([0xc0, 12, 0, query[end + 1] ?? 0, 0, 1, 0, 0, 0, 60, 0, 0]);
      record.writeUInt16BE(octets.length, 10);
      return Buffer.concat([record, octets]);
    });
    return Buffer.concat([header, question, ...answers]);
  }
}

function readName(query: Buffer): { readonly name: string; readonly end: number } {
  const labels: string[] = [];
  let at = 12;
  for (let length = query[at] ?? 0; length > 0; length = query[at] ?? 0) {
    labels.push(query.toString('latin1', at + 1, at + 1 + length));
    at += 1 + length;
  }
  return { name: labels.join('.'), end: at + 1 };
}

const encode = {
  A: (text: string) => Buffer.from(text.split('.').map(Number)),
  AAAA: encodeIpv6,
  MX: (text: string) => {
    const [priority = '', host = ''] = text.split(' ');
    return Buffer.concat([uint16(Number(priority)), encodeName(host)]);
  },
  PTR: encodeName,
  SRV: (text: string) => {
    const [priority, weight, port, host = ''] = text.split(' ');
    return Buffer.concat([uint16(Number(priority)), uint16(Number(weight)), uint16(Number(port)), encodeName(host)]);
  },
  TXT: (text: string) => {
    const strings: Buffer[] = [];
    const octets = Buffer.from(text, 'latin1');
    for (let at = 0; at < octets.length || at === 0; at += STRING_BYTES_MAX) {
      const string = octets.subarray(at, at + STRING_BYTES_MAX);
      strings.push(Buffer.from([string.length]), string);
    }
    return Buffer.concat(strings);
  },
};

function encodeName(name: string): Buffer {
  const labels = name
    .replace(/\.$/, '')
    .split('.')
    .filter((label) => label !== '');
  return Buffer.concat([
    ...labels.map((label) => Buffer.concat([Buffer.from([label.length]), Buffer.from(label, 'latin1')])),
    Buffer.from([0]),
  ]);
}

function encodeIpv6(text: string): Buffer {
  if (!isIPv6(text)) throw new Error(`${text} is no IPv6 address`);
  const [before = '', after] = text.split('::');
  const groups = (part: string): string[] => (part === '' ? [] : part.split(':'));
  const last = groups(after ?? '');
  const zeros = Array.from({ length: 8 - groups(before).length - last.length }, () => '0');
  return Buffer.concat([...groups(before), ...zeros, ...last].map((group) => uint16(Number.parseInt(group, 16))));
}

function uint16(value: number): Buffer {
  const octets = Buffer.alloc(2);
  octets.writeUInt16BE(value);
  return octets;
}
