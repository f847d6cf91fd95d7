/**
 * `npm run demo`: two homes on this machine write to each other, one of them dies, mail waits for it, and it comes back.
 * Everything is real: the built command line, servers in processes of their own, mail of a public list. Ends what it starts.
 */
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { endAll, Home, Person } from './cast.mjs';
import { realMail } from './real-mail.mjs';
import { bold, command, cut, dim, done, meanwhile, red, say, scene } from './stage.mjs';

const WAITING_MAILS = 4;
const PATIENCE_MS = 60_000;
const SUBJECT_WIDTH = 44;

const folder = await mkdtemp(join(tmpdir(), 'restante-demo-'));
const cleared = async () => {
  await endAll();
  await rm(folder, { recursive: true, force: true });
};
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'])
  process.once(signal, () => void cleared().then(() => process.exit(130)));
try {
  await play();
} catch (error) {
  process.stdout.write(`\n${red('The demo failed.')} ${error.message}\n`);
  process.exitCode = 1;
} finally {
  await cleared();
}

async function play() {
  const [first, ...waiting] = await realMail(1 + WAITING_MAILS);
  const world = await open();
  await exchange(world, first);
  const sent = await goAway(world, waiting);
  await comeBack(world, sent);
  await prove(world, [first, ...sent]);
}

async function open() {
  scene('1  Two homes, a person in each');
  const names = ['north', 'south'];
  const homes = await meanwhile('two servers start', () =>
    Promise.all(names.map((name) => Home.open(join(folder, name)))),
  );
  for (const [i, { name }] of homes.entries()) {
    command(`restante up --port ${name.split(':')[1]} --data ${names[i]}`);
    done(`The home ${bold(name)} serves.`);
  }
  const [north, south] = homes;
  const [alice, bob] = await meanwhile('Alice and Bob make their keys, on their own side', () =>
    Promise.all([Person.open('alice', north, join(folder, 'alice')), Person.open('bob', south, join(folder, 'bob'))]),
  );
  done(`${bold(alice.address)} lives in one, ${bold(bob.address)} in the other.`);
  return { north, south, alice, bob };
}

async function exchange({ alice, bob }, mail) {
  scene('2  A mail from home to home, and a reply');
  await send(alice, bob, mail);
  const [got] = await meanwhile('Bob looks into his mailbox', () => until(bob, (inbox) => inbox.length > 0));
  done(`Bob reads “${got.subject}”, signed by ${got.from}.`);
  const reply = 'Thanks. I will look at it tonight.';
  command(`restante send --reply ${got.id.slice(0, 12)} --body '${reply}'`);
  await meanwhile('Bob answers', () => bob.run(['send', '--reply', got.id, '--body', reply]));
  await meanwhile('Alice looks into her mailbox', () => until(alice, (inbox) => inbox.length > 1));
  done('Alice has the answer, in the same conversation.');
}

async function goAway({ alice, bob, north, south }, mails) {
  scene('3  One home goes away');
  command(`kill -9 … # ${south.name}`);
  await south.kill();
  say(`${south.name} is off. Alice writes on, and notices nothing.`);
  const sent = [];
  for (const mail of mails) sent.push({ ...mail, id: await send(alice, bob, mail) });
  command(`restante federation status --data north`);
  const queued = await meanwhile('what waits?', () => north.queued());
  if (queued !== mails.length) throw new Error(`${queued} mails wait, not ${mails.length}`);
  done(`${queued} mails wait on the disk of ${north.name}, encrypted for Bob.`);
  return sent;
}

async function comeBack({ bob, north, south }, mails) {
  scene('4  It comes back, and nobody sends anything again');
  await meanwhile(`${south.name} starts`, () => south.start());
  done(`${south.name} serves again, and asks what it has missed.`);
  let queued = mails.length;
  await meanwhile(
    () => `${queued} of ${mails.length} mails wait`,
    async () => {
      const end = performance.now() + PATIENCE_MS;
      for (queued = await north.queued(); queued > 0; queued = await north.queued()) {
        if (performance.now() > end) throw new Error('the mail did not arrive in a minute');
        await pause(100);
      }
    },
  );
  done('Nothing waits any more.');
  const inbox = await meanwhile('Bob looks into his mailbox', () => bob.inbox());
  for (const { subject } of mails) {
    const copies = inbox.filter((entry) => entry.subject === subject).length;
    if (copies !== 1) throw new Error(`“${subject}” arrived ${copies} times`);
    done(`${cut(subject, SUBJECT_WIDTH).padEnd(SUBJECT_WIDTH)} ${dim('once')}`);
  }
}

async function prove({ alice, bob, north, south }, mails) {
  scene('5  Was it true?');
  const { id, subject: compared } = mails[1];
  await meanwhile('the same bytes on both sides?', async () => {
    await alice.run(['sync']);
    const [written, read] = await Promise.all([alice.raw(id), bob.raw(id)]);
    if (written !== read) throw new Error(`“${compared}” differs`);
  });
  done(`Alice and Bob hold the same bytes of “${cut(compared, SUBJECT_WIDTH)}”.`);
  await meanwhile('every block and every view, at both homes', () => Promise.all([north.verify(), south.verify()]));
  done('Both homes verify: every block against its tree, every view made again.');
  for (const home of [north, south])
    for (const { text, subject } of mails)
      for (const words of [subject, text.slice(0, 40)])
        if (await holds(home.folder, Buffer.from(words))) throw new Error(`${home.name} holds the words “${words}”`);
  done('Not a word of the mail stands in the files of either home.');
  say('Everything that this demo started ends now. Try it yourself: README.md, “Two homes”.');
}

/** The mail’s id. */
async function send(author, reader, { subject, text }) {
  command(`restante send --to ${reader.address} --subject '${cut(subject, SUBJECT_WIDTH)}'`);
  const [sent] = await meanwhile('encrypting, signing, sending', () =>
    author.run(['send', '--to', reader.address, '--subject', subject], text),
  );
  if (sent.status !== 'accepted') throw new Error(`“${subject}” is ${sent.status}`);
  return sent.id;
}

async function until(person, isEnough) {
  const end = performance.now() + PATIENCE_MS;
  for (;;) {
    const inbox = await person.inbox();
    if (isEnough(inbox)) return inbox;
    if (performance.now() > end) throw new Error(`${person.address} waited a minute in vain`);
  }
}

async function holds(path, needle) {
  for (const entry of await readdir(path, { withFileTypes: true, recursive: true }))
    if (entry.isFile() && (await readFile(join(entry.parentPath, entry.name))).includes(needle)) return true;
  return false;
}
