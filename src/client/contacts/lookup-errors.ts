/** Why somebody cannot be written to, in words. */
import { type Address, verdictOfRefusal } from '../../protocol/index.ts';
import type { AlarmCode } from '../alarm.ts';
import { ClientError } from '../client-error.ts';
import type { LookUp, SilentHome } from './contacts.ts';

export function unknownAccount(...addresses: readonly Address[]): ClientError {
  return new ClientError('unknown_recipient', `no such account: ${addresses.join(', ')}`, {
    details: { addresses },
    fix: 'check the spelling',
  });
}

/** Nothing is encrypted to an account whose chain, or whose home's, contradicts what was seen before. */
export function standingAlarm(address: Address, alarm: AlarmCode): ClientError {
  return new ClientError('standing_alarm', `nothing is encrypted to ${address}: ${alarm}`, {
    details: { address, alarm },
    fix: `compare the key with its owner (\`restante key show ${address}\`), then \`restante key verify ${address}\``,
  });
}

/** What stands between this device and the home of an account of which nothing is known here. */
export function homeError({ status, home }: SilentHome): ClientError {
  switch (verdictOfRefusal(status)) {
    case 'not_a_home':
      return new ClientError('unknown_home', `no home answers for ${home}`, {
        details: { home },
        fix: 'check the spelling of the address, what stands after the @',
      });
    case 'home':
      return new ClientError('home_unreachable', `the home ${home} does not answer, and the key is not known here`, {
        details: { home },
        retry: 'later',
        fix: 'try again later; nothing was encrypted',
      });
    case 'not_known_now':
      return new ClientError('home_unreachable', `nobody can tell now whether ${home} is a home, which may be away`, {
        details: { home },
        retry: 'later',
        fix: 'try again later; nothing was sent',
      });
  }
}

export function isSilent(answer: LookUp): answer is SilentHome {
  return 'home' in answer;
}
