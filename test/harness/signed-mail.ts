/** Messages as an honest server of the outside world signs them, by nodemailer's DKIM, which verifies nothing. */
import { generateKeyPairSync } from 'node:crypto';
import { createTransport } from 'nodemailer';
import type { Zones } from './dns-server.ts';

export class MailSigner {
  readonly #domain: string;
  readonly #privateKey: string;
  /** What its domain has in DNS for the key. */
  readonly zones: Zones;

  constructor(domain: string) {
    // The shortest that counts: made in milliseconds.
    const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 1024 });
    this.#domain = domain;
    this.#privateKey = privateKey.export({ type: 'pkcs8', format: 'pem' }) as string;
    const key = publicKey.export({ type: 'spki', format: 'der' }).toString('base64');
    this.zones = { [`sel._domainkey.${domain}`]: { TXT: [`v=DKIM1; k=rsa; p=${key}`] } };
  }

  /** `raw` with CR LF. */
  async sign(raw: string, options: { readonly skipFields?: string } = {}): Promise<string> {
    const transport = createTransport({ streamTransport: true, buffer: true, newline: 'windows' });
    const { message } = await transport.sendMail({
      envelope: { from: 'x@x.example', to: 'y@y.example' },
      raw,
      dkim: { domainName: this.#domain, keySelector: 'sel', privateKey: this.#privateKey, ...options },
    });
    return (message as Buffer).toString('latin1');
  }
}
