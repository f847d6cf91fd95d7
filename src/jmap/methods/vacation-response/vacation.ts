/** VacationResponse (RFC 8621, section 8): one object for each account. What it makes happen is in `src/jmap/submission`. */
import { z } from 'zod';
import { SIGNATURE_CHARACTERS_MAX } from '../../limits.ts';
import { parseJmapDate } from '../../mime/dates.ts';
import { VACATION } from '../../protocol/capabilities.ts';
import { invalidProperties, SetError } from '../../protocol/errors.ts';
import { applyPatch, isSameJson, type PlainObject } from '../../protocol/patch.ts';
import { readVacation, VACATION_ID } from '../../submission/stored-vacation.ts';
import type { Method } from '../call.ts';
import { openSet, parseSet, performSet, setResponse } from '../standard/set.ts';
import { getMethod } from '../standard/shelf-get.ts';

const utcDate = z
  .string()
  .refine((text) => parseJmapDate(text, true) !== undefined)
  .nullable();
const text = z.string().max(SIGNATURE_CHARACTERS_MAX).nullable();
const shape = z.strictObject({
  isEnabled: z.boolean(),
  fromDate: utcDate,
  toDate: utcDate,
  subject: text,
  textBody: text,
  htmlBody: text,
});

export const vacationGet = getMethod({
  type: 'VacationResponse',
  capability: VACATION,
  properties: ['id', ...Object.keys(shape.shape)],
  read: (account, id) => (id === VACATION_ID ? { id, ...readVacation(account) } : undefined),
  ids: () => [VACATION_ID],
});

export const vacationSet: Method = {
  name: 'VacationResponse/set',
  capability: VACATION,
  permission: 'send',
  async run(args, call) {
    const parsed = parseSet(args);
    const account = openSet(call, 'VacationResponse', parsed);
    const oldState = account.state('VacationResponse');
    const single = (): never => {
      throw new SetError('singleton', 'there is always exactly one');
    };
    const result = await performSet(call, parsed, {
      create: single,
      destroy: single,
      update(id: string, patch: PlainObject): null {
        if (id !== VACATION_ID) throw new SetError('notFound', `the only one is ${VACATION_ID}`);
        const current = { id, ...readVacation(account) };
        const { id: patchedId, ...values } = applyPatch(current, patch);
        if (patchedId !== id) throw invalidProperties(['id'], 'the id never changes');
        const judged = shape.safeParse(values);
        if (!judged.success) {
          const names = judged.error.issues.flatMap((issue) =>
            'keys' in issue ? issue.keys : [String(issue.path[0])],
          );
          throw invalidProperties([...new Set(names)], judged.error.issues[0]?.message ?? 'invalid');
        }
        if (!isSameJson(judged.data, readVacation(account))) account.objects.put('VacationResponse', id, judged.data);
        return null;
      },
    });
    return [setResponse('VacationResponse', account, oldState, account.state('VacationResponse'), result)];
  },
};
