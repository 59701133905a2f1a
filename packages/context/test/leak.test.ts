import { VirtualClock } from '@bp/core/testing';
import { describe, expect, it } from 'vitest';
import { bytesLeft, NO_BYTES } from '../../../.config/memory.ts';
import { RequestContext, timeout } from '../src/index.ts';
import { listenersOn } from './signals.ts';

const MANY = 1_000_000;
const SOME = 60_000;

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
    expect(left).toBeLessThan(NO_BYTES);
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
    expect(left).toBeLessThan(NO_BYTES);
    expect(clock.pendingTimers).toBe(0);
  }, 30_000);
});

describe('a signal and a parent that live long hold nothing of a context', () => {
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
      'whose listeners were removed, and that never ended',
      () =>
        create()
          .child()
          .onDone(() => {})(),
    ],
    ['that was never read', () => create().child().with({ description: 'key' }, {}).detached()],
    [
      'that raced with a broken thenable',
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
    ['that raced with a promise', () => create().race(Promise.resolve())],
    ['of a call with a timeout', () => policy.execute((ctx) => ctx.signal, parent)],
    ['of a call with a timeout and a plain signal', () => policy.execute(() => {}, { signal })],
  ])('%s', async (_name, use) => {
    expect(await bytesLeft(SOME, use)).toBeLessThan(NO_BYTES);
    expect(listenersOn(signal)).toBe(0);
    expect(clock.pendingTimers).toBe(0);
  });
});
