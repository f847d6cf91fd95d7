/** The arguments of methods, as schemas; what does not fit is `invalidArguments`, and says where. */
import { z } from 'zod';
import { MethodError } from './errors.ts';

/** RFC 8620, section 1.2. */
export const ID = /^[A-Za-z0-9_-]{1,255}$/;

export const id = z.string().regex(ID);
/** An id, or `#` and the creation id of something made in this request. */
export const idOrReference = z.string().regex(/^(?:[A-Za-z0-9_-]{1,255}|#.{1,255})$/s);
export const integer = z.int();
export const unsigned = z.int().min(0);

export function parseArguments<Schema extends z.ZodType>(schema: Schema, args: unknown): z.output<Schema> {
  const parsed = schema.safeParse(args);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  const where = issue?.path.join('/') ?? '';
  const names = issue?.code === 'unrecognized_keys' ? issue.keys : [where];
  throw new MethodError('invalidArguments', `${where === '' ? '' : `${where}: `}${issue?.message ?? 'invalid'}`, {
    arguments: names,
  });
}
