import { describe, expect, it } from 'vitest';
import { Listeners } from '../src/kit/index.ts';
import { collectUncaught } from './collect-uncaught.ts';

describe('Listeners', () => {
  it('calls the listeners in the order they were added, until they are removed', () => {
    const listeners = new Listeners<string>();
    const called: string[] = [];
    const remove = listeners.add((event) => called.push(`a ${event}`));
    listeners.add((event) => called.push(`b ${event}`));
    listeners.emit('1');
    remove();
    remove();
    listeners.emit('2');
    expect(called).toEqual(['a 1', 'b 1', 'b 2']);
  });

  it('calls the same function as often as it was added, and removes one of them', () => {
    const listeners = new Listeners<number>();
    let calls = 0;
    const listener = (): void => void calls++;
    const remove = listeners.add(listener);
    listeners.add(listener);
    listeners.emit(1);
    expect(calls).toBe(2);
    remove();
    remove();
    listeners.emit(2);
    expect(calls).toBe(3);
  });

  it('calls the listeners that were present when the event happened', () => {
    const listeners = new Listeners<string>();
    const called: string[] = [];
    listeners.add((event) => {
      called.push(`a ${event}`);
      remove();
      listeners.add((later) => called.push(`c ${later}`));
    });
    const remove = listeners.add((event) => called.push(`b ${event}`));
    listeners.emit('1');
    expect(called).toEqual(['a 1', 'b 1']);
    listeners.emit('2');
    expect(called).toEqual(['a 1', 'b 1', 'a 2', 'c 2']);
  });

  it('calls the others after one has thrown, whose error surfaces as an uncaught exception', async () => {
    const uncaught = collectUncaught();
    const listeners = new Listeners<string>();
    const called: string[] = [];
    listeners.add(() => {
      throw new Error('of the listener');
    });
    listeners.add((event) => called.push(event));
    listeners.emit('still called');
    expect(called).toEqual(['still called']);
    await Promise.resolve();
    expect(uncaught).toEqual([new Error('of the listener')]);
  });
});
