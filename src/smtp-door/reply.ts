/** What the door refuses with: SMTP's code and the enhanced one of RFC 3463, in one table. */

export interface Refusal {
  readonly code: number;
  /** Begins with the enhanced code; ASCII without line breaks. */
  readonly text: string;
}

export const REFUSALS = Object.freeze({
  notForUs: { code: 550, text: '5.7.1 This home takes mail for its own people only' },
  nobody: { code: 550, text: '5.1.1 No such address here' },
  uncertain: { code: 451, text: '4.1.1 Whether there is such an address is not known now, come again later' },
  full: { code: 452, text: '4.2.2 The mailbox is full' },
  noRoom: { code: 452, text: '4.3.1 The disk of this home is full, come again later' },
  badSender: { code: 553, text: '5.1.7 Not an address that mail can be returned to' },
  tooManyRecipients: { code: 452, text: '4.5.3 Too many recipients, send the others apart' },
  tooManyUnknown: { code: 421, text: '4.7.0 Too many recipients were refused' },
  tooManyConnections: { code: 421, text: '4.7.0 Too many connections from your network' },
  tooMuchMail: { code: 451, text: '4.7.0 Too much mail from your network, come again later' },
  notOffered: { code: 555, text: '5.5.4 A parameter that this server does not offer' },
  oneForReports: { code: 452, text: '4.5.3 A report has one recipient, send the others apart' },
  unknownNetwork: { code: 451, text: '4.7.1 We do not know your network yet, come again in some minutes' },
  tooEarly: { code: 503, text: '5.5.0 The message came before it was asked for' },
  tooLarge: { code: 552, text: '5.3.4 The message is too large' },
  bareLineEnd: { code: 550, text: '5.5.2 A line ends with CR LF, neither stands alone' },
  lineTooLong: { code: 554, text: '5.6.0 A line of the message is too long' },
  headerTooLarge: { code: 554, text: '5.6.0 The header of the message is too large' },
  manyAuthors: { code: 550, text: '5.7.1 The message has several From fields, or too many authors' },
  unauthenticated: { code: 550, text: '5.7.1 The domain of its From field asks to refuse this message (DMARC)' },
  undecided: { code: 451, text: '4.7.1 DNS does not say now whether its From field may be believed, come again later' },
  loop: { code: 554, text: '5.4.6 The message goes in circles' },
  busy: { code: 452, text: '4.3.1 Too much mail at once, come again later' },
  unencryptable: { code: 451, text: '4.7.5 The recipient has no key that can be encrypted to now' },
  notForAll: { code: 451, text: '4.3.0 Some of the recipients have it, send it again for the others' },
  notNow: { code: 451, text: '4.3.0 It cannot be taken now, come again later' },
  stopping: { code: 421, text: '4.3.2 This home is closing, come again later' },
} as const satisfies Readonly<Record<string, Refusal>>);

/** As smtp-server takes it. */
export class SmtpRefusal extends Error {
  readonly responseCode: number;

  constructor({ code, text }: Refusal) {
    super(text);
    this.responseCode = code;
  }
}
