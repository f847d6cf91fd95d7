/** The verifier's findings in the words of alarms. */
import type { NewAlarm } from '../alarms.ts';
import type { Interval, MailboxAlarm } from '../ledger/index.ts';

/** `node`: the name of the node that served it. */
export function describeAlarm(alarm: MailboxAlarm, node: string): NewAlarm {
  const { feed } = alarm;
  switch (alarm.code) {
    case 'bad_signature':
      return {
        code: 'bad_head',
        subject: node,
        detail: `a head of feed ${feed} is not signed by the node that shows it`,
        node,
      };
    case 'withheld': {
      const detail = `the node signed ${alarm.head.number} entries of feed ${feed} and does not serve ${spell(alarm.missing)}`;
      return { code: 'withheld', subject: feed, detail, node };
    }
    case 'two_heads':
      return { code: 'two_heads', subject: feed, detail: `two histories of entry ${alarm.number} are signed`, node };
    case 'rolled_back': {
      const { before, after } = alarm;
      const detail = `the node signed ${before.number} entries of feed ${feed} before, and ${after.number} now`;
      return { code: 'rolled_back', subject: feed, detail, node };
    }
    case 'renumbered':
    case 'wrong_link': {
      // To a person both say the same: under this number stands something else than the node signed.
      const detail = `entry ${alarm.number} of feed ${feed} is not the one that the node signed`;
      return { code: 'renumbered', subject: feed, detail, node };
    }
  }
}

function spell(intervals: readonly Interval[]): string {
  return intervals.map(([from, to]) => (from === to ? `${from}` : `${from}-${to}`)).join(', ');
}
