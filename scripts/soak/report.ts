/** The report of a soak as people keep it: Markdown. */
import { nameOf } from './fault-plan.ts';
import type { RoleMemory } from './memory.ts';
import { PROBES, type ProbeName } from './recovery.ts';
import type { FaultDone, SoakResult } from './soak.ts';

export type Facts = SoakResult & { readonly seed: number; readonly commit: string };

export function reportOf(facts: Facts): string {
  const { breachCount, breaches, changes, checks, commit, counts, errors, failures, faults, processorMs, ranMs, seed } =
    facts;
  const lines = [
    `seed ${seed} on ${commit}: ${minutesOf(ranMs)} min of mail, ${faults.length} faults, ${breachCount} broken promises`,
    '',
    `${counts.written} mails written, ${counts.acknowledged} acknowledged, seen ${counts.seen} times; ${counts.large} large attachments; ` +
      `${counts.refused} refused by another home; ${facts.pushes} pushes; IMAP: ${counts.imapArrived} arrived, ` +
      `${counts.imapMarked} marked; this process used ${Math.round(processorMs / 1000)} s of processor`,
    `not sent, by code: ${byCount(failures)}; members come and go: ${byCount(changes)}`,
    '',
    ...recoveryTable(faults),
    '',
    ...(breaches.length === 0 ? ['Nothing is broken.'] : ['Broken:', ...breaches.map((what) => `- ${what}`)]),
    '',
    '| looked at in the end | |',
    '|---|---|',
    ...Object.entries(checks).map(([name, said]) => `| ${name} | ${said} |`),
    '',
    ...memoryTable(facts.memory),
    '',
    ...(errors.length === 0
      ? ['No error in any log.']
      : [
          'Errors in logs:',
          ...errors.map(
            ({ because, count, message, who }) =>
              `- ${count} × ${who}: ${message}${because === undefined ? '' : ` (${because})`}`,
          ),
        ]),
    '',
    ...everyFault(faults),
    '',
  ];
  return lines.join('\n');
}

/** By kind; each time is seconds, the middle one and the worst. */
function recoveryTable(faults: readonly FaultDone[]): string[] {
  const probes = Object.keys(PROBES) as ProbeName[];
  const kinds = [...new Set(faults.map(({ planned }) => planned.kind))].sort();
  return [
    `| fault | times | away | ${probes.join(' | ')} |`,
    `|---|---|---|${probes.map(() => '---').join('|')}|`,
    ...kinds.map((kind) => {
      const these = faults.filter(({ planned }) => planned.kind === kind);
      const away = middleAndWorst(these.map(({ outageMs }) => outageMs));
      const cells = probes.map((probe) => middleAndWorst(these.map(({ recovery }) => recovery[probe])));
      return `| ${kind} | ${these.length} | ${away} | ${cells.join(' | ')} |`;
    }),
  ];
}

/** Each as it came; seconds. */
function everyFault(faults: readonly FaultDone[]): string[] {
  const probes = Object.keys(PROBES) as ProbeName[];
  return [
    `| | fault | away | ${probes.join(' | ')} |`,
    `|---|---|---|${probes.map(() => '---').join('|')}|`,
    ...faults.map(({ outageMs, planned, recovery }) => {
      const cells = [outageMs, ...probes.map((probe) => recovery[probe])].map(inSeconds);
      return `| ${planned.number} | ${nameOf(planned)} | ${cells.join(' | ')} |`;
    }),
  ];
}

function inSeconds(ms: number | undefined): string {
  return ms === undefined ? 'never' : (ms / 1000).toFixed(1);
}

function middleAndWorst(times: readonly (number | undefined)[]): string {
  const sorted = [...times].sort((x, y) => (x ?? Number.POSITIVE_INFINITY) - (y ?? Number.POSITIVE_INFINITY));
  return `${inSeconds(sorted[Math.floor((sorted.length - 1) / 2)])}, ${inSeconds(sorted.at(-1))}`;
}

function memoryTable(memory: readonly RoleMemory[]): string[] {
  const mb = (bytes: number | undefined): string => (bytes === undefined ? '' : String(Math.round(bytes / 1e6)));
  return [
    '| MB in memory | most in each tenth of the time | most | slope of its longest life |',
    '|---|---|---|---|',
    ...memory.map(({ most, role, slope, tenths }) => {
      const words =
        slope === undefined
          ? 'none was long enough'
          : `${mb(slope.bytesAnHour)} MB an hour over ${minutesOf(slope.ms)} min`;
      return `| ${role} | ${tenths.map(mb).join(' ')} | ${mb(most)} | ${words} |`;
    }),
  ];
}

function byCount(counts: Readonly<Record<string, number>>): string {
  const words = Object.entries(counts)
    .sort(([, x], [, y]) => y - x)
    .map(([code, count]) => `${code} ${count}`);
  return words.length === 0 ? 'none' : words.join(', ');
}

function minutesOf(ms: number): string {
  return (ms / 60_000).toFixed(1);
}
