/** The URNs of what this server can do, as the session object lists them. */
export const CORE = 'urn:ietf:params:jmap:core';
export const MAIL = 'urn:ietf:params:jmap:mail';
export const SUBMISSION = 'urn:ietf:params:jmap:submission';
export const VACATION = 'urn:ietf:params:jmap:vacationresponse';
export const WEBSOCKET = 'urn:ietf:params:jmap:websocket';
export const BLOB = 'urn:ietf:params:jmap:blob';
export const QUOTA = 'urn:ietf:params:jmap:quota';
/** Ours: docs/protocol/jmap-completeness.md. */
export const COMPLETENESS = 'https://restante.org/jmap/completeness';
/** Our own: docs/protocol/jmap.md. */
export const EVERY_ACCOUNT = 'https://restante.org/jmap/every-account';
export const VAPID = 'urn:ietf:params:jmap:webpush-vapid';
