import { afterEach, describe, expect, it, vi } from 'vitest';
import { createSystemClock, systemClock } from '../src/index.ts';

const MAX_PLATFORM_DELAY_MS = 2 ** 31 - 1;

interface PlatformTimer {
  readonly callback: () => void;
  readonly delayMs: number;
  readonly unref: () => void;
}

/** A platform whose time the test moves. Like the real one it waits 1 ms for a delay that it does not support. */
function fakePlatform() {
  let now = 1000;
  const set: PlatformTimer[] = [];
  const pending = new Set<PlatformTimer>();
  vi.stubGlobal('performance', { now: () => now });
  vi.stubGlobal('setTimeout', (callback: () => void, delayMs: number) => {
    const held = delayMs >= 1 && delayMs <= MAX_PLATFORM_DELAY_MS ? delayMs : 1;
    const timer = { callback, delayMs: held, unref: vi.fn() };
    set.push(timer);
    pending.add(timer);
    return timer;
  });
  vi.stubGlobal('clearTimeout', (timer: PlatformTimer) => pending.delete(timer));
  return {
    clock: createSystemClock(),
    set,
    pending,
    now: () => now,
    /** Fires the only pending timer, `earlyMs` before its time. */
    fire(earlyMs = 0) {
      const [timer] = pending;
      if (timer === undefined || pending.size > 1) throw new Error(`${pending.size} timers are pending`);
      pending.delete(timer);
      now += timer.delayMs - earlyMs;
      timer.callback();
    },
  };
}

afterEach(() => {
  vi.unstubAllGlobals();
});

describe('systemClock.now', () => {
  it('never goes back', () => {
    const times = Array.from({ length: 1000 }, () => systemClock.now());
    expect(times).toEqual([...times].sort((a, b) => a - b));
  });

  it('is independent of the wall clock', () => {
    vi.spyOn(Date, 'now').mockReturnValue(0);
    const before = systemClock.now();
    expect(systemClock.now()).toBeGreaterThanOrEqual(before);
    expect(before).toBeGreaterThan(0);
  });
});

describe('systemClock.setTimer', () => {
  it('accepts a negative delay without a warning of the platform', async () => {
    const warnings: string[] = [];
    const listener = ({ name }: Error): void => void warnings.push(name);
    process.on('warning', listener);
    await new Promise<void>((resolve) => void systemClock.setTimer(resolve, -2));
    await new Promise(setImmediate);
    process.off('warning', listener);
    expect(warnings).toEqual([]);
  });

  it('fires on the real platform, not before its time', async () => {
    const start = systemClock.now();
    const fired = await new Promise<number>((resolve) => {
      systemClock.setTimer(() => resolve(systemClock.now()), 1.5);
    });
    expect(fired - start).toBeGreaterThanOrEqual(1.5);
  });

  it.each([2 ** 31 - 1, 2 ** 31, 2 ** 31 + 5000, 2 ** 33])(
    'waits for %d ms, split into delays that the platform supports',
    (delayMs) => {
      const platform = fakePlatform();
      const start = platform.now();
      const fired: number[] = [];
      platform.clock.setTimer(() => fired.push(platform.now()), delayMs);
      while (platform.pending.size > 0) platform.fire();
      expect(fired).toEqual([start + delayMs]);
      expect(platform.set).toHaveLength(Math.ceil(delayMs / MAX_PLATFORM_DELAY_MS));
    },
  );

  it('never fires after Infinity', () => {
    const platform = fakePlatform();
    const callback = vi.fn();
    platform.clock.setTimer(callback, Number.POSITIVE_INFINITY);
    for (let slice = 0; slice < 5; slice++) platform.fire();
    expect(callback).not.toHaveBeenCalled();
    expect(platform.pending.size).toBe(1);
  });

  it('waits again if the platform fires a fraction of a millisecond early', () => {
    const platform = fakePlatform();
    const callback = vi.fn();
    platform.clock.setTimer(callback, 10);
    platform.fire(0.25);
    expect(callback).not.toHaveBeenCalled();
    platform.fire();
    expect(callback).toHaveBeenCalledTimes(1);
  });

  it.each([0, -1, Number.NEGATIVE_INFINITY])('fires as soon as possible after %d ms', (delayMs) => {
    const platform = fakePlatform();
    const callback = vi.fn();
    platform.clock.setTimer(callback, delayMs);
    expect(callback, 'never at once').not.toHaveBeenCalled();
    platform.fire();
    expect(callback).toHaveBeenCalledTimes(1);
  });

  it('can be cancelled within a long delay and after it has fired', () => {
    const platform = fakePlatform();
    const callback = vi.fn();
    const timer = platform.clock.setTimer(callback, 2 ** 32);
    platform.fire();
    timer.cancel();
    expect(platform.pending.size).toBe(0);
    const short = platform.clock.setTimer(callback, 1);
    platform.fire();
    short.cancel();
    short.cancel();
    expect(callback).toHaveBeenCalledTimes(1);
  });

  it('keeps the process alive by default, and throughout a long delay', () => {
    const platform = fakePlatform();
    platform.clock.setTimer(() => {}, 5).cancel();
    platform.clock.setTimer(() => {}, 2 ** 31 + 5, { keepAlive: false });
    platform.fire();
    expect(platform.set.map(({ unref }) => vi.mocked(unref).mock.calls.length)).toEqual([0, 1, 1]);
  });

  it('works without unref where timers are numbers', () => {
    vi.stubGlobal('setTimeout', () => 1);
    vi.stubGlobal('clearTimeout', () => {});
    const clock = createSystemClock();
    expect(() => clock.setTimer(() => {}, 5, { keepAlive: false }).cancel()).not.toThrow();
  });
});

describe('systemClock.nextTurn', () => {
  it('calls back once, after the promises of this turn', async () => {
    const order: string[] = [];
    await new Promise<void>((resolve) => {
      systemClock.nextTurn(() => {
        order.push('turn');
        resolve();
      });
      queueMicrotask(() => order.push('promise'));
      order.push('now');
    });
    expect(order).toEqual(['now', 'promise', 'turn']);
  });

  it('posts messages if there is no setImmediate, in order and each in its own turn', async () => {
    const ports: MessagePort[] = [];
    const { setImmediate, MessageChannel } = globalThis;
    vi.stubGlobal('setImmediate', undefined);
    vi.stubGlobal(
      'MessageChannel',
      class extends MessageChannel {
        constructor() {
          super();
          ports.push(this.port1);
        }
      },
    );
    const portable = createSystemClock();
    const order: string[] = [];
    await new Promise<void>((resolve) => {
      portable.nextTurn(() => {
        order.push('first');
        queueMicrotask(() => order.push('promise of the first'));
      });
      portable.nextTurn(() => {
        order.push('second');
        resolve();
      });
    });
    expect(order).toEqual(['first', 'promise of the first', 'second']);
    expect(ports, 'one channel for all turns').toHaveLength(1);
    for (const port of ports) port.close();
    setImmediate(() => {});
  });
});
