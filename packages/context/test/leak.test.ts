import { describe, expect, it } from 'vitest';
import { RequestContext } from '../src/index.ts';

const CONTEXTS = 1_000_000;
const MEBIBYTE = 2 ** 20;

/** Bytes of heap that a million contexts leave behind under one long-lived parent. */
function leftBehind(create: () => RequestContext): number {
  const collect = (globalThis as { gc?: () => void }).gc;
  if (collect === undefined) throw new Error('run with --expose-gc');
  const { memoryUsage } = (globalThis as unknown as { process: { memoryUsage(): { heapUsed: number } } })
    .process;
  for (let i = 0; i < 1000; i++) create().end();
  collect();
  const before = memoryUsage().heapUsed;
  for (let i = 0; i < CONTEXTS; i++) {
    const ctx = create();
    ctx.onDone(() => {});
    ctx.end();
  }
  collect();
  return memoryUsage().heapUsed - before;
}

describe('a million contexts', () => {
  it('leave nothing on a signal that outlives them', () => {
    const { signal } = new AbortController();
    let listeners = 0;
    const add = signal.addEventListener.bind(signal);
    const remove = signal.removeEventListener.bind(signal);
    signal.addEventListener = (...args: Parameters<typeof add>) => {
      listeners++;
      add(...args);
    };
    signal.removeEventListener = (...args: Parameters<typeof remove>) => {
      listeners--;
      remove(...args);
    };
    expect(leftBehind(() => new RequestContext({ signal, timeoutMs: 60_000 }))).toBeLessThan(8 * MEBIBYTE);
    expect(listeners).toBe(0);
  });

  it('leave nothing on a parent that outlives them', () => {
    const parent = new RequestContext();
    expect(leftBehind(() => parent.child({ timeoutMs: 60_000 }))).toBeLessThan(8 * MEBIBYTE);
  });
});
