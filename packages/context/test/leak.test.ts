import { settle, VirtualClock } from '@bp/core/testing';
import { describe, expect, it } from 'vitest';
import { RequestContext, timeout } from '../src/index.ts';
import { listenersOn } from './signals.ts';

const MANY = 1_000_000;
const SOME = 60_000;
// The smallest object is 12 bytes, and something has to point to it.
const NOTHING = 8;

/** Bytes of heap in use once everything that can be collected has been, what only finalizers know included. */
async function heapUsed(): Promise<number> {
  const collect = (globalThis as { gc?: () => void }).gc;
  if (collect === undefined) throw new Error('run with --expose-gc');
  for (let i = 0; i < 3; i++) {
    collect();
    await settle();
  }
  return process.memoryUsage().heapUsed;
}

/** Bytes of heap that `count` uses of something leave behind, each. */
async function bytesLeft(count: number, use: () => unknown): Promise<number> {
  for (let i = 0; i < 2000; i++) await use();
  const before = await heapUsed();
  for (let i = 0; i < count; i++) {
    const used = use();
    if (used instanceof Promise) await used;
  }
  return ((await heapUsed()) - before) / count;
}

describe('a million contexts', () => {
  it('leave nothing on a signal that outlives them', async () => {
    const { signal } = new AbortController();
    // Something else is always pending in a server, so that deadlines come and go behind its timer.
    using other = new RequestContext({ timeoutMs: 30_000 });
    other.onDone(() => {});
    const left = await bytesLeft(MANY, () => {
      const ctx = new RequestContext({ signal, timeoutMs: 60_000 });
      ctx.onDone(() => {});
      ctx.end();
    });
    expect(left).toBeLessThan(NOTHING);
    expect(listenersOn(signal)).toBe(0);
  }, 30_000);

  it('leave nothing on a parent that outlives them', async () => {
    const clock = new VirtualClock();
    const parent = new RequestContext({ timeoutMs: 1e6, clock });
    const left = await bytesLeft(MANY, () => {
      const child = parent.child({ timeoutMs: 60_000 });
      child.onDone(() => {});
      child.end();
    });
    expect(left).toBeLessThan(NOTHING);
    expect(clock.pendingTimers).toBe(0);
  }, 30_000);
});

describe('nothing is left on a signal and a parent that live long by a context', () => {
  const clock = new VirtualClock();
  const { signal } = new AbortController();
  const parent = new RequestContext({ clock });
  const policy = timeout({ timeoutMs: 50, clock });
  const create = (): RequestContext => parent.child({ timeoutMs: 50, signal });

  it.each<[string, () => unknown]>([
    [
      'whose signal was read',
      () => {
        const ctx = create();
        ctx.signal.addEventListener('abort', () => {});
        ctx.end();
      },
    ],
    [
      'that was cancelled and never ended',
      () => {
        const ctx = create();
        ctx.onDone(() => {});
        ctx.cancel('caller-gone');
      },
    ],
    [
      'whose deadline passed, and that never ended',
      () => {
        const { signal: own } = create();
        clock.advanceSync(50);
        if (!own.aborted) throw new Error('is not over');
      },
    ],
    [
      'that nobody waits for any more, and that never ended',
      () =>
        create()
          .child()
          .onDone(() => {})(),
    ],
    ['that nobody ever asked', () => create().child().with({ description: 'key' }, {}).detached()],
    [
      'that a race with something broken was run on',
      () =>
        create()
          .race({
            // biome-ignore lint/suspicious/noThenProperty: a thenable is what is tested
            then: () => {
              throw new Error('no promise');
            },
          })
          .catch(() => {}),
    ],
    ['that a race was run on', () => create().race(Promise.resolve())],
    ['of a call with a timeout', () => policy.execute((ctx) => ctx.signal, parent)],
    ['of a call with a timeout and a plain signal', () => policy.execute(() => {}, { signal })],
  ])('%s', async (_name, use) => {
    expect(await bytesLeft(SOME, use)).toBeLessThan(NOTHING);
    expect(listenersOn(signal)).toBe(0);
    expect(clock.pendingTimers).toBe(0);
  });
});
