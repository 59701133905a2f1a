import { describe, expect, it, vi } from 'vitest';
import { Listeners } from '../src/kit/index.ts';

describe('Listeners', () => {
  it('calls everybody in the order they came, until they leave', () => {
    const listeners = new Listeners<string>();
    const heard: string[] = [];
    const leave = listeners.add((event) => heard.push(`a ${event}`));
    listeners.add((event) => heard.push(`b ${event}`));
    listeners.emit('1');
    leave();
    leave();
    listeners.emit('2');
    expect(heard).toEqual(['a 1', 'b 1', 'b 2']);
  });

  it('calls the same function as often as it was added, and removes one of them', () => {
    const listeners = new Listeners<number>();
    let calls = 0;
    const listener = (): void => void calls++;
    const leave = listeners.add(listener);
    listeners.add(listener);
    listeners.emit(1);
    expect(calls).toBe(2);
    leave();
    leave();
    listeners.emit(2);
    expect(calls).toBe(3);
  });

  it('tells of an event those who were there when it happened', () => {
    const listeners = new Listeners<string>();
    const heard: string[] = [];
    listeners.add((event) => {
      heard.push(`a ${event}`);
      leave();
      listeners.add((later) => heard.push(`c ${later}`));
    });
    const leave = listeners.add((event) => heard.push(`b ${event}`));
    listeners.emit('1');
    expect(heard).toEqual(['a 1', 'b 1']);
    listeners.emit('2');
    expect(heard).toEqual(['a 1', 'b 1', 'a 2', 'c 2']);
  });

  it('lets no listener that throws disturb the others or whoever emits; its error surfaces on its own', () => {
    const later = vi.spyOn(globalThis, 'queueMicrotask').mockImplementation(() => {});
    const listeners = new Listeners<string>();
    const heard: string[] = [];
    listeners.add(() => {
      throw new Error('of the listener');
    });
    listeners.add((event) => heard.push(event));
    listeners.emit('still heard');
    expect(heard).toEqual(['still heard']);
    const surface = later.mock.calls[0]?.[0];
    expect(surface).toThrow('of the listener');
    later.mockRestore();
  });
});
