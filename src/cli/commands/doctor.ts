/** `doctor`: whether keys, clock, node and completeness are as they should be, and what to do where they are not. */
import { type Command, Option } from 'commander';
import { withDeadline } from '../../base/index.ts';
import { SystemDnsResolver } from '../../base/system/index.ts';
import type { Client } from '../../client/index.ts';
import { Unsuccessful } from '../cli-error.ts';
import type { Act, Context } from '../context.ts';
import { describeError } from '../error-line.ts';
import { homePlaceOf } from '../home-place.ts';
import { CATCH_UP_MS, CLOCK_DIFFERENCE_MAX_MS } from '../limits.ts';
import {
  DEVICE,
  dataOption,
  dnsServerOption,
  forPerson,
  hostOption,
  type PersonOptions,
  type ServerOptions,
  withExamples,
} from '../options.ts';
import { withPerson } from '../person.ts';
import { counted, showDuration } from '../terminal/figures.ts';
import type { Paint } from '../terminal/paint.ts';

interface DoctorOptions extends PersonOptions, ServerOptions {
  readonly dns?: boolean;
  readonly host?: string;
  readonly dnsServer?: string;
}

/** Where a home is asked for its document; no record of mail depends on it. */
const HTTPS_PORT = 443;

interface Check {
  readonly name: string;
  readonly ok: boolean;
  /** What was found. */
  readonly detail: string;
  /** What to do, where it is not well. */
  readonly fix?: string;
}

export function addDoctor(program: Command, act: Act): void {
  const doctor = program.command('doctor').description('Check keys, clock, node and completeness; say what to do.');
  withExamples(
    forPerson(doctor, DEVICE)
      .option('--dns', 'for who runs a home: whether DNS says of it what `restante dns` prints')
      .addOption(dataOption())
      .addOption(new Option('--host <name>', 'of its machine (default: mail.HOME)').argParser(hostOption))
      .addOption(
        new Option('--dns-server <address>', 'to ask (default: those of the system)').argParser(dnsServerOption),
      )
      .action(act(run)),
    'restante doctor',
    'restante doctor --dns --host mail.home.example',
  );
}

async function run(context: Context, options: DoctorOptions): Promise<void> {
  const checks =
    options.dns === true
      ? await examineDns(context, options)
      : await withPerson(context, options, { isOnline: false }, ({ client }) => examine(context, client));
  const ok = checks.every((check) => check.ok);
  context.output.result({ ok, checks }, (paint) => checks.flatMap((check) => describeCheck(check, paint)));
  if (!ok) throw new Unsuccessful();
}

async function examineDns(context: Context, options: DoctorOptions): Promise<readonly Check[]> {
  const { checkDns } = await import('../../smtp-door/index.ts');
  const place = await homePlaceOf(context, { ...options, port: HTTPS_PORT });
  const dns = new SystemDnsResolver(options.dnsServer);
  return checkDns({ ...context.deps, dns }, place, context.signal);
}

async function examine(context: Context, client: Client): Promise<Check[]> {
  const profile = { name: 'profile', ok: true, detail: `${client.address} opens` };
  const connected = await examineNode(context, client);
  const online = connected.ok ? [examineClock(client), await examineKeys(client)] : [];
  if (connected.ok) await catchUp(context, client);
  return [profile, connected, ...online, ...(await examineMail(client)), examineOutbox(client)];
}

/** What is coming just now is not missing: only what has not come in time is told. */
async function catchUp({ deps, signal }: Context, client: Client): Promise<void> {
  const late = (): Error => new DOMException('mail is still coming', 'TimeoutError');
  try {
    await withDeadline(deps.clock, CATCH_UP_MS, signal, late, (inTime) => client.sync({ signal: inTime }));
  } catch {
    signal.throwIfAborted(); // otherwise the report says what is missing, and the line above whether there is a node
  }
}

async function examineNode({ signal }: Context, client: Client): Promise<Check> {
  try {
    await client.connect(signal);
    return { name: 'node', ok: true, detail: `connected to ${client.state.node ?? 'a node'}` };
  } catch (error) {
    signal.throwIfAborted();
    const { message, fix } = describeError(error);
    return { name: 'node', ok: false, detail: message, fix };
  }
}

function examineClock(client: Client): Check {
  const offMs = Math.abs(client.serverTimeOffsetMs);
  const ok = offMs <= CLOCK_DIFFERENCE_MAX_MS;
  const direction = client.serverTimeOffsetMs > 0 ? 'behind' : 'ahead of';
  const detail = ok ? 'agrees with the home' : `${showDuration(offMs)} ${direction} the home`;
  return { name: 'clock', ok, detail, ...(ok ? {} : { fix: 'Set the clock of this device. No mail is lost by it.' }) };
}

async function examineKeys(client: Client): Promise<Check> {
  const own = await client.account.fingerprint();
  const shown = await client.people.lookUp(client.address);
  const ok = shown.fingerprint === own && shown.alarm === undefined;
  if (ok) return { name: 'keys', ok, detail: `the home shows yours, version ${shown.version}` };
  const detail = shown.alarm ?? 'the home shows another key than yours';
  return { name: 'keys', ok, detail, fix: 'Warn those who write to you, and ask the operator of the home.' };
}

async function examineMail(client: Client): Promise<Check[]> {
  const report = await client.report();
  const mail: Check = {
    name: 'completeness',
    ok: report.complete,
    detail: report.sentence,
    ...(report.complete ? {} : { fix: 'Run `restante sync`.' }),
  };
  const alarms = client.alarms.map(({ code, subject, detail }) => ({
    name: 'alarm',
    ok: false,
    detail: `${code} ${subject}: ${detail}`,
    fix: 'Ask the operator of the home; choose another node meanwhile with `restante nodes pin`.',
  }));
  return [mail, ...alarms];
}

function examineOutbox(client: Client): Check {
  const refused = client.outbox.items.filter((item) => item.refused !== undefined);
  const waiting = client.outbox.queuedCount;
  if (refused.length === 0 && waiting === 0) return { name: 'outbox', ok: true, detail: 'empty' };
  const detail = `${counted(waiting, 'message')} waiting, ${refused.length} refused`;
  const why = [...new Set(refused.map((item) => item.refused?.code))].join(', ');
  const fix = refused.length > 0 ? `Refused for: ${why}. Import or send them again.` : 'Run `restante sync`.';
  return { name: 'outbox', ok: false, detail, fix };
}

function describeCheck({ name, ok, detail, fix }: Check, paint: Paint): string[] {
  const line = `${ok ? paint.good('✓') : paint.bad('✗')} ${name.padEnd(13)} ${detail}`;
  return fix === undefined ? [line] : [line, `  ${' '.repeat(13)} ${paint.warn(fix)}`];
}
