/**
 * The SMTP door of a home (docs/protocol/smtp-door.md): takes ordinary mail for the home's people, from anybody, and for
 * nobody else. 250 is said when the mail is encrypted and on disk. It keeps nothing of its own: what a connection has not
 * finished is gone with it, and its sender comes again.
 */
import { readFile } from 'node:fs/promises';
import type { AddressInfo, Socket } from 'node:net';
import type { Registry } from 'prom-client';
import {
  SMTPServer,
  type SMTPServerAddress,
  type SMTPServerDataStream,
  type SMTPServerOptions,
  type SMTPServerSession,
} from 'smtp-server';
import type { DnsResolver } from '../base/system/index.ts';
import { type DoorStatus, remoteOf } from '../node/index.ts';
import type { Address, HomeName } from '../protocol/index.ts';
import type { SpfVerdict } from './authentication/spf.ts';
import { Delivery, type DeliveryDeps, type DoorKeys } from './delivery.ts';
import { DoorMetrics } from './door-metrics.ts';
import { Greylist } from './greylist.ts';
import { type DmarcMode, Judging } from './judging.ts';
import type { JunkFilter } from './junk-filter.ts';
import {
  CLOSE_TIMEOUT_MS,
  COMMAND_BYTES_MAX,
  CONNECTIONS_MAX,
  IDLE_TIMEOUT_MS,
  LARGE_MESSAGES_MAX,
  LETTER_BYTES_MAX,
  MEMORY_BYTES_MAX,
  MEMORY_PER_REMOTE_BYTES_MAX,
  RECIPIENTS_MAX,
  REFUSED_RECIPIENTS_MAX,
} from './limits.ts';
import { SortedMemory } from './memory.ts';
import { MessageReader } from './message-reader.ts';
import { Recipients } from './recipients.ts';
import { REFUSALS, type Refusal, SmtpRefusal } from './reply.ts';
import { Senders } from './senders.ts';
import { announcedSize, drain, envelopeOf, onceAsked, senderOf } from './smtp-session.ts';
import { encodeTrace } from './trace-headers.ts';

export interface SmtpDoorDeps extends DeliveryDeps {
  readonly dns: DnsResolver;
  /** Undefined: there is none. */
  readonly filter: JunkFilter | undefined;
  /** Where the door counts. */
  readonly registry: Registry;
}

export interface SmtpDoorOptions {
  readonly home: HomeName;
  readonly keys: DoorKeys;
  readonly host: string;
  /** 0 picks a free one. */
  readonly port: number;
  /** PEM files; undefined: mail comes in the clear. */
  readonly tls: { readonly certFile: string; readonly keyFile: string } | undefined;
  readonly dmarc: DmarcMode;
  /** Of a message. */
  readonly sizeBytesMax: number;
  /** Whether networks that nobody vouches for are asked to come again, the first time. */
  readonly isGreylisting: boolean;
  /** Whether a mail server on this machine is believed who says by XCLIENT from where mail comes. */
  readonly believesXclient: boolean;
}

/** Parameters of MAIL that EHLO offers; what is not offered is not understood either (RFC 5321, 4.1.1.11). */
const OFFERED: ReadonlySet<string> = new Set(['SIZE', 'BODY']);

/** Who may say so. */
const THIS_MACHINE = ['127.0.0.1', '::1'];

/** What a mail may be returned to: printable ASCII that ends no line and no angle bracket. */
const SENDER = /^(?=.{0,254}$)[\x20-\x3b\x3d\x3f-\x7e]*$/;

export class SmtpDoor implements AsyncDisposable {
  readonly #deps: SmtpDoorDeps;
  /** As other mail servers know the home: a loopback home's name carries a port, which no mail address has. */
  readonly #domain: string;
  readonly #recipients: Recipients;
  readonly #greylist: Greylist | undefined;
  readonly #delivery: Delivery;
  readonly #judging: Judging;
  readonly #memory: SortedMemory;
  readonly #sizeBytesMax: number;
  readonly #senders: Senders;
  readonly #metrics: DoorMetrics;
  readonly #server: SMTPServer;
  readonly #sockets = new Set<Socket>();
  /** Sessions that were let in. */
  readonly #connected = new Set<string>();
  readonly #delivering = new Set<Promise<unknown>>();
  /** How many recipients were refused. Of the session itself: it may have ended by the time that one is judged. */
  readonly #refused = new WeakMap<SMTPServerSession, number>();
  /** Asked once for an envelope, when somebody needs it. */
  readonly #spf = new WeakMap<object, Promise<SpfVerdict>>();
  #isClosing = false;

  private constructor(
    deps: SmtpDoorDeps,
    { believesXclient, dmarc, home, isGreylisting, keys, sizeBytesMax }: SmtpDoorOptions,
    tls: Pick<SMTPServerOptions, 'cert' | 'key'>,
  ) {
    this.#deps = deps;
    this.#domain = home.replace(/:\d+$/, '');
    this.#recipients = new Recipients(deps, { home, domain: this.#domain });
    this.#greylist = isGreylisting ? new Greylist(deps.clock) : undefined;
    this.#delivery = new Delivery(deps, keys);
    this.#metrics = new DoorMetrics(deps.registry);
    const onFilterFailed = (): void => this.#metrics.filterFailed();
    this.#judging = new Judging({ ...deps, onFilterFailed }, { domain: this.#domain, dmarc });
    this.#sizeBytesMax = sizeBytesMax;
    this.#memory = new SortedMemory(
      { bytesMax: MEMORY_BYTES_MAX, perRemoteMax: MEMORY_PER_REMOTE_BYTES_MAX },
      { bytesMax: LARGE_MESSAGES_MAX * sizeBytesMax, perRemoteMax: sizeBytesMax },
      LETTER_BYTES_MAX,
    );
    this.#senders = new Senders(deps.clock);
    this.#server = this.#createServer({ ...tls, useXClient: believesXclient && THIS_MACHINE });
  }

  static async open(deps: SmtpDoorDeps, options: SmtpDoorOptions): Promise<SmtpDoor> {
    const { host, port, tls } = options;
    const secured = tls === undefined ? {} : { cert: await readFile(tls.certFile), key: await readFile(tls.keyFile) };
    const door = new SmtpDoor(deps, options, secured);
    await door.#listen(host, port);
    return door;
  }

  get port(): number {
    return (this.#server.server.address() as AddressInfo).port;
  }

  get status(): DoorStatus {
    return this.#metrics.status;
  }

  /** What is being written is written and answered; whoever is in the middle of something comes again. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosing = true;
    while (this.#delivering.size > 0) await Promise.all(this.#delivering);
    await new Promise<void>((resolve) => this.#server.close(resolve));
    for (const socket of this.#sockets) socket.destroySoon();
  }

  #createServer(place: Pick<SMTPServerOptions, 'cert' | 'key' | 'useXClient'>): SMTPServer {
    const server = new SMTPServer({
      ...place,
      name: this.#domain,
      banner: 'Restante',
      size: this.#sizeBytesMax,
      maxClients: CONNECTIONS_MAX,
      maxCommandLength: COMMAND_BYTES_MAX,
      socketTimeout: IDLE_TIMEOUT_MS,
      closeTimeout: CLOSE_TIMEOUT_MS,
      // Nobody signs in here, and the jokes of old servers are not for strangers.
      disabledCommands: ['AUTH', 'WIZ', 'SHELL', 'KILL', ...(place.cert === undefined ? ['STARTTLS'] : [])],
      disableReverseLookup: true,
      hideSMTPUTF8: true,
      logger: false,
      onConnect: (session, done) => done(this.#refuseAs(this.#connect(session))),
      onMailFrom: (sender, session, done) => done(this.#refuseAs(this.#judgeSender(sender, session))),
      onRcptTo: (recipient, session, done) =>
        this.#answer(this.#judgeRecipient(recipient, session), (refusal) => done(this.#refuseAs(refusal))),
      onData: (stream, session, done) =>
        this.#answer(this.#receive(stream, session), (refusal) => done(this.#refuseAs(refusal))),
      onClose: (session) => this.#disconnect(session),
    });
    server.on('error', (error) => this.#deps.log.debug({ error }, 'a connection of the SMTP door failed'));
    server.server.on('connection', (socket: Socket) => {
      this.#sockets.add(socket);
      socket.once('close', () => this.#sockets.delete(socket));
    });
    return server;
  }

  #listen(host: string, port: number): Promise<void> {
    const { server } = this.#server;
    return new Promise((resolve, reject) => {
      server.once('error', reject);
      server.listen(port, host, () => {
        server.off('error', reject);
        resolve();
      });
    });
  }

  /** A failure of ours is an answer too: to come again. */
  #answer(work: Promise<Refusal | undefined>, done: (refusal: Refusal | undefined) => void): void {
    work.then(done, (error: unknown) => {
      this.#deps.log.error({ error }, 'a command at the SMTP door failed');
      done(REFUSALS.notNow);
    });
  }

  #refuseAs(refusal: Refusal | undefined): SmtpRefusal | null {
    if (refusal === undefined) return null;
    this.#metrics.refused(refusal);
    return new SmtpRefusal(refusal);
  }

  #connect({ id, remoteAddress }: SMTPServerSession): Refusal | undefined {
    if (this.#isClosing) return REFUSALS.stopping;
    if (!this.#senders.connect(remoteOf(remoteAddress, {}, false), id)) return REFUSALS.tooManyConnections;
    this.#connected.add(id);
    this.#metrics.connected(1);
    return undefined;
  }

  #disconnect({ id, remoteAddress }: SMTPServerSession): void {
    this.#senders.disconnect(remoteOf(remoteAddress, {}, false), id);
    if (this.#connected.delete(id)) this.#metrics.connected(-1);
  }

  #judgeSender({ address, args }: SMTPServerAddress, { remoteAddress }: SMTPServerSession): Refusal | undefined {
    if (this.#isClosing) return REFUSALS.stopping;
    if (Object.keys(args === false ? {} : args).some((name) => !OFFERED.has(name))) return REFUSALS.notOffered;
    if (!SENDER.test(address)) return REFUSALS.badSender;
    return this.#senders.takesMessage(remoteOf(remoteAddress, {}, false)) ? undefined : REFUSALS.tooMuchMail;
  }

  async #judgeRecipient(
    { address, args }: SMTPServerAddress,
    session: SMTPServerSession,
  ): Promise<Refusal | undefined> {
    const { envelope } = session;
    if (this.#isClosing) return REFUSALS.stopping;
    if (args !== false && Object.keys(args).length > 0) return REFUSALS.notOffered;
    // A report goes to whoever wrote: one address (RFC 5321, 4.5.5). To several it is junk, or backscatter of another's.
    if (senderOf(session) === '' && envelope.rcptTo.length > 0) return REFUSALS.oneForReports;
    if (envelope.rcptTo.length >= RECIPIENTS_MAX) return REFUSALS.tooManyRecipients;
    const sizeBytes = envelope.mailFrom === false ? 0 : announcedSize(envelope.mailFrom);
    const refusal = await this.#recipients.judge(address, sizeBytes);
    if (refusal === undefined) return this.#isUnknown(address, session);
    if (refusal === REFUSALS.full || refusal === REFUSALS.noRoom) return refusal;
    const refused = (this.#refused.get(session) ?? 0) + 1;
    this.#refused.set(session, refused);
    return refused > REFUSED_RECIPIENTS_MAX ? REFUSALS.tooManyUnknown : refusal;
  }

  /** Of the network that the mail comes from; a domain that vouches for it makes it known. */
  async #isUnknown(recipient: string, session: SMTPServerSession): Promise<Refusal | undefined> {
    const remote = remoteOf(session.remoteAddress, {}, false);
    if (this.#greylist === undefined || remote === undefined) return undefined;
    if ((await this.#spfOf(session)).result === 'pass') return undefined;
    return this.#greylist.lets(remote, senderOf(session), recipient) ? undefined : REFUSALS.unknownNetwork;
  }

  #spfOf(session: SMTPServerSession): Promise<SpfVerdict> {
    const { envelope } = session;
    const asked = this.#spf.get(envelope) ?? this.#judging.spf(envelopeOf(session));
    this.#spf.set(envelope, asked);
    return asked;
  }

  async #receive(stream: SMTPServerDataStream, session: SMTPServerSession): Promise<Refusal | undefined> {
    using room = this.#memory.open(remoteOf(session.remoteAddress, {}, false));
    const reader = new MessageReader(room, this.#sizeBytesMax);
    onceAsked(() => {
      if (stream.byteLength > 0) reader.refuse(REFUSALS.tooEarly);
    });
    if (!(await drain(stream, reader))) return undefined; // nobody is left to be answered
    const read = reader.end();
    if (read.kind === 'refused') return read.refusal;
    if (this.#isClosing) return REFUSALS.stopping;
    const startedAt = this.#deps.clock.monotonic();
    const delivered = this.#deliver(read.bytes, session).finally(() => {
      this.#delivering.delete(delivered);
      this.#metrics.answered((this.#deps.clock.monotonic() - startedAt) / 1000);
    });
    this.#delivering.add(delivered);
    return await delivered; // the room is given back when this returns
  }

  async #deliver(octets: Uint8Array, session: SMTPServerSession): Promise<Refusal | undefined> {
    const { envelope, hostNameAppearsAs: helo, id, remoteAddress: remote, transmissionType: protocol } = session;
    const sender = senderOf(session);
    const recipients = envelope.rcptTo
      .map(({ address }) => this.#recipients.localAddress(address))
      .filter((address) => address !== undefined);
    const receivedAt = this.#deps.clock.now();
    const trace = (recipient: Address | undefined, findings: readonly string[]): Uint8Array =>
      encodeTrace({ sender, recipient, helo, remote, protocol, by: this.#domain, id, receivedAt, findings });
    const judgement = await this.#judging.judge(octets, envelopeOf(session), {
      spf: await this.#spfOf(session),
      traceWith: (findings) => trace(undefined, findings),
    });
    if (judgement.kind === 'refused') return judgement.refusal;
    const { findings, isJunk, message } = judgement;
    const traceFor = (recipient: Address): Uint8Array => trace(recipient, findings);
    const refusal = await this.#delivery.deliver({ sender, recipients: [...new Set(recipients)], message, traceFor });
    if (refusal === undefined) this.#metrics.accepted(octets.length, isJunk);
    return refusal;
  }
}
