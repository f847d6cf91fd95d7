/** What of an email is a file, and not its words. */
import type { BodyPart, Email } from '../jmap/objects.ts';

/** Also pictures that count as body (RFC 8621, section 4.1.4), which telephones send between two texts. */
export function filesOf({
  attachments,
  htmlBody,
  textBody,
}: Pick<Email, 'attachments' | 'htmlBody' | 'textBody'>): readonly BodyPart[] {
  const media = [...textBody, ...htmlBody].filter(({ type }) => !type.startsWith('text/'));
  return [...new Map([...media, ...attachments].map((part) => [part.partId, part])).values()];
}

/** Those that the HTML does not show where they stand: everything that came can be seen somewhere. */
export function filesBeside(email: Parameters<typeof filesOf>[0], html: readonly string[]): readonly BodyPart[] {
  const isShown = ({ cid, disposition, type }: BodyPart): boolean =>
    disposition === 'inline' &&
    cid !== null &&
    isPicture(type) &&
    html.some((text) => text.includes(cid) || text.includes(encodeURIComponent(cid)));
  return filesOf(email).filter((part) => !isShown(part));
}

/** Of a kind that is shown within HTML. */
export function isPicture(type: string): boolean {
  return /^image\/(png|jpe?g|gif|webp|bmp|avif)$/i.test(type);
}
