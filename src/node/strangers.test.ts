import { PassThrough } from 'node:stream';
import { describe, expect, test } from 'vitest';
import { Strangers } from './strangers.ts';

function setup(bytesMax: number) {
  const strangers = new Strangers(bytesMax);
  const cut: string[] = [];
  const open = (name: string) => {
    const stream = new PassThrough();
    const leave = strangers.admit(stream, () => {
      cut.push(name);
      stream.destroy();
    });
    return { stream, leave, send: (bytes: number) => stream.emit('data', new Uint8Array(bytes)) };
  };
  return { strangers, cut, open };
}

describe('strangers', () => {
  test('that send too much together lose the one that sent the most, and the others stay', () => {
    const { strangers, cut, open } = setup(100);
    const [small, large, last] = [open('small'), open('large'), open('last')];
    small.send(20);
    large.send(60);
    last.send(20);
    expect(cut).toEqual([]);
    last.send(1);
    expect(cut).toEqual(['large']);
    expect(strangers.bytes).toBe(41);
  });

  test('are cut one after the other until the rest is within the bound', () => {
    const { strangers, cut, open } = setup(100);
    for (const name of ['a', 'b', 'c']) open(name).send(30);
    open('flood').send(1_000);
    expect(cut).toEqual(['flood']);
    open('next').send(101);
    expect(cut).toEqual(['flood', 'next']);
    expect(strangers.bytes).toBe(90);
  });

  test('count no more once they authenticated or went away', async () => {
    const { strangers, cut, open } = setup(100);
    const [person, gone] = [open('person'), open('gone')];
    person.send(80);
    gone.send(10);
    person.leave();
    person.send(1_000);
    gone.stream.destroy();
    await new Promise((resolve) => gone.stream.once('close', resolve));
    expect(strangers.bytes).toBe(0);
    expect(cut).toEqual([]);
  });
});
