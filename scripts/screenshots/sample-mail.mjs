/** A mailbox as somebody might have it: for pictures of the page. Times are counted back from now. */

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

const lines = (...all) => all.join('\r\n');
const encoded = (text) => `=?utf-8?B?${Buffer.from(text).toString('base64')}?=`;

/** @returns {{ raw: string, receivedAt: Date, keywords: string[], mailbox: string }[]} */
export function sampleMail(own, now = Date.now()) {
  let serial = 0;
  const mail = (from, subject, ago, body, more = {}) => {
    const {
      keywords = ['$seen'],
      mailbox = 'inbox',
      type = 'text/plain',
      references,
      id = `s${++serial}@sample.example`,
    } = more;
    const at = new Date(now - ago);
    const raw = lines(
      `From: ${from}`,
      `To: ${more.to ?? `Alice Ferrand <${own}>`}`,
      ...(more.cc === undefined ? [] : [`Cc: ${more.cc}`]),
      `Subject: ${/^[\x20-\x7e]*$/.test(subject) ? subject : encoded(subject)}`,
      `Date: ${at.toUTCString().replace('GMT', '+0000')}`,
      `Message-ID: <${id}>`,
      ...(references === undefined ? [] : [`In-Reply-To: <${references}>`, `References: <${references}>`]),
      'MIME-Version: 1.0',
      `Content-Type: ${type.includes('charset') || type.startsWith('multipart') ? type : `${type}; charset=utf-8`}`,
      'Content-Transfer-Encoding: 8bit',
      '',
      body.replaceAll(/\r?\n/g, '\r\n'),
    );
    return { raw, receivedAt: at, keywords, mailbox };
  };
  return [
    mail('Margit Oyelaran <margit@oyelaran.example>', 'The roof, and a date', 12 * MINUTE, ROOF, { keywords: [] }),
    mail('Ferry Line <tickets@ferryline.example>', 'Your crossing on Saturday', 2 * HOUR, FERRY, {
      type: 'text/html',
      keywords: [],
    }),
    mail('Jonas Reuter <jonas@reuter.example>', 'Choir: order of songs', 5 * HOUR, SONGS, {
      id: 'songs@sample.example',
      cc: 'Nadia Brandt <nadia@brandt.example>',
    }),
    mail('Nadia Brandt <nadia@brandt.example>', 'Re: Choir: order of songs', 4 * HOUR, SONGS_AGAIN, {
      references: 'songs@sample.example',
      keywords: ['$flagged'],
      cc: 'Jonas Reuter <jonas@reuter.example>',
    }),
    mail('Dr. Ilse Haddad <praxis@haddad.example>', 'Laborwerte', 22 * HOUR, LAB, {
      type: 'multipart/mixed; boundary=b1',
    }),
    mail(
      'Tomás Villar <tomas@villar.example>',
      'photos from the ridge',
      26 * HOUR,
      'Twelve of them, the last one is the best.\n\nTomás',
    ),
    mail(
      'Book Circle <list@circle.example>',
      'April: “The Summer Book”',
      2 * DAY,
      'We meet on the 17th at Lina’s. Bring the page you would keep.\n\n-- \nBook Circle',
    ),
    mail(
      'Lina Sørbye <lina@sorbye.example>',
      'Keys',
      2 * DAY + HOUR,
      'They are under the blue pot. Water the basil, please!',
      { keywords: ['$seen', '$answered'] },
    ),
    mail(
      'Stadtwerke <service@stadtwerke.example>',
      'Zählerstand bis 30. November',
      3 * DAY,
      'Guten Tag,\n\nbitte lesen Sie Ihren Zähler ab.\n\nIhre Stadtwerke',
      { keywords: [] },
    ),
    mail(
      'Pia Novak <pia@novak.example>',
      'Draft of chapter two',
      4 * DAY,
      'It is longer than I wanted. Be honest.\n\nPia',
      { keywords: ['$seen', '$flagged'] },
    ),
    mail('Eero Laine <eero@laine.example>', 'Sauna on Friday?', 5 * DAY, 'Six o’clock, as ever.'),
    mail(
      'Allotment Office <office@allotment.example>',
      'Annual meeting: minutes',
      8 * DAY,
      'The minutes are on the board by the gate.',
    ),
    mail(
      'Mina Castellanos <mina@castellanos.example>',
      'Grandmother’s recipe',
      11 * DAY,
      'Two cups of flour, and patience.',
    ),
    mail('Harbour Cinema <news@harbour.example>', 'This week', 15 * DAY, 'Monday: Playtime. Tuesday: closed.'),
    mail(
      'Odile Perrin <odile@perrin.example>',
      'Translation, first pages',
      20 * DAY,
      'Here are the first four pages, with questions in the margin.',
    ),
    mail('Bike Repair <shop@bikerepair.example>', 'Ready for collection', 31 * DAY, 'New chain, brakes adjusted.', {
      mailbox: 'archive',
    }),
  ];
}

const ROOF = `Dear Alice,

the carpenter was here this morning. The beams are sound, only the battens on the north side must go. He can begin on the 9th if we say so by Thursday.

His offer: https://example.com/offer/4711

Shall I tell him yes?

Love,
Margit`;

const SONGS = `Dear all,

I would begin with the Purcell and end with the round, so that everybody goes out singing.

1. Purcell
2. the two Finnish ones
3. a pause
4. the round

Jonas`;

const SONGS_AGAIN = `Good plan. Could the pause come before the Finnish ones? Half of us need water by then.

On 20 Nov 2026, Jonas Reuter wrote:
> I would begin with the Purcell and end with the round, so that
> everybody goes out singing.`;

const FERRY = `<html><body style="background:#f2f6f8;margin:0;padding:24px;font-family:Georgia,serif">
<table width="100%" style="max-width:560px;margin:auto;background:#fff;border-radius:8px" cellpadding="24"><tr><td>
<img src="https://tracker.example/open.gif" width="1" height="1" alt="">
<h1 style="color:#0b3c5d;font-size:24px;margin:0 0 8px">See you on board, Alice</h1>
<p>Saturday, 08:15 from the east pier. One person, one bicycle.</p>
<table cellpadding="8" style="border-collapse:collapse;width:100%"><tr style="background:#e7eff3"><td>Out</td><td>Sat 08:15</td><td>09:40</td></tr>
<tr><td>Back</td><td>Sun 17:30</td><td>18:55</td></tr></table>
<p><a href="https://example.com/tickets" style="background:#0b3c5d;color:#fff;padding:10px 18px;border-radius:6px;text-decoration:none">Show my ticket</a></p>
</td></tr></table></body></html>`;

const LAB = lines(
  '--b1',
  'Content-Type: text/plain; charset=utf-8',
  '',
  'Guten Tag Frau Ferrand,\r\n\r\nalle Werte liegen im Bereich. Einzelheiten im Anhang.\r\n\r\nHaddad',
  '--b1',
  'Content-Type: application/pdf; name="Laborwerte.pdf"',
  'Content-Disposition: attachment; filename="Laborwerte.pdf"',
  'Content-Transfer-Encoding: base64',
  '',
  Buffer.from(`%PDF-1.4\n${'% a page that is only here to have a size\n'.repeat(900)}`).toString('base64'),
  '--b1--',
);
