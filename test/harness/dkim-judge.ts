/** Debian's python3-dkim, which shares no line with what signs: whether each signature of a message holds, by records as DNS has them. */
import { execFileSync } from 'node:child_process';

const PYTHON = '/usr/bin/python3';
const PROGRAM = `
import base64, json, sys, dkim
given = json.load(sys.stdin)
message = base64.b64decode(given['message'])
records = {name.encode(): text.encode() for name, text in given['records'].items()}
def look(name, timeout=5):
    return records.get(name)
count = sum(1 for line in message.split(b'\\r\\n\\r\\n')[0].split(b'\\r\\n') if line.lower().startswith(b'dkim-signature:'))
def judge(index):
    try:
        return dkim.DKIM(message).verify(idx=index, dnsfunc=look)
    except dkim.ValidationError: # it says why by an exception, where the body is another one
        return False
print(json.dumps([judge(index) for index in range(count)]))
`;

export function hasDkimJudge(): boolean {
  try {
    execFileSync(PYTHON, ['-c', 'import dkim, nacl'], { stdio: 'ignore' });
    return true;
  } catch {
    return false; // not installed, or no Python
  }
}

/** One for each signature, in their order. `records`: by name with the final dot, as one text. */
export function judgeDkim(message: Buffer, records: Readonly<Record<string, string>>): readonly boolean[] {
  const input = JSON.stringify({ message: message.toString('base64'), records });
  return JSON.parse(execFileSync(PYTHON, ['-c', PROGRAM], { input, encoding: 'utf8' })) as boolean[];
}
