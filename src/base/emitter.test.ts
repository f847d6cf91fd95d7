import { describe, expect, test } from 'vitest';
import { Emitter } from './emitter.ts';

interface Events {
  readonly changed: { readonly at: number };
  readonly ended: { readonly why: string };
}

function setup() {
  const errors: unknown[] = [];
  return { errors, emitter: new Emitter<Events>((error) => errors.push(error)) };
}

describe('an emitter', () => {
  test('tells every listener of that event, in their order, until they dispose', () => {
    const { emitter } = setup();
    const heard: string[] = [];
    const first = emitter.on('changed', ({ at }) => heard.push(`first ${at}`));
    emitter.on('changed', ({ at }) => heard.push(`second ${at}`));
    emitter.on('ended', ({ why }) => heard.push(why));
    emitter.emit('changed', { at: 1 });
    first[Symbol.dispose]();
    first[Symbol.dispose]();
    emitter.emit('changed', { at: 2 });
    expect(heard).toEqual(['first 1', 'second 1', 'second 2']);
  });

  test('a listener that throws is reported and the others still hear', () => {
    const { emitter, errors } = setup();
    const heard: number[] = [];
    const failure = new Error('broken listener');
    emitter.on('changed', () => {
      throw failure;
    });
    emitter.on('changed', ({ at }) => heard.push(at));
    emitter.emit('changed', { at: 1 });
    expect([heard, errors]).toEqual([[1], [failure]]);
  });

  test('a function that listens twice hears twice, and each is disposed of by itself', () => {
    const { emitter } = setup();
    const heard: number[] = [];
    const listen = ({ at }: { readonly at: number }) => heard.push(at);
    const first = emitter.on('changed', listen);
    emitter.on('changed', listen);
    emitter.emit('changed', { at: 1 });
    first[Symbol.dispose]();
    emitter.emit('changed', { at: 2 });
    expect(heard).toEqual([1, 1, 2]);
  });

  test('a listener disposed of, or added, while an event is told does not hear it', () => {
    const { emitter } = setup();
    const heard: string[] = [];
    emitter.on('changed', () => {
      second[Symbol.dispose]();
      emitter.on('changed', () => heard.push('late'));
    });
    const second = emitter.on('changed', () => heard.push('second'));
    emitter.emit('changed', { at: 1 });
    expect(heard).toEqual([]);
  });

  test('an event nobody listens to harms nobody', () => {
    const { emitter, errors } = setup();
    emitter.emit('ended', { why: 'silence' });
    expect(errors).toEqual([]);
  });
});
