import { VirtualClock } from '@bp/core/testing';
import { describe, expect, it } from 'vitest';
import { ConcurrencyLimiter } from '../src/index.ts';

function setup(limit = 1, maxQueue = 0) {
  const clock = new VirtualClock();
  const limiter = new ConcurrencyLimiter({ limit, maxQueue, clock });
  const notified: string[] = [];
  const wait = (name: string, ctx = {}): void => {
    limiter.ready(ctx).then(
      () => notified.push(name),
      ({ code }: { code: string }) => notified.push(`${name} ${code}`),
    );
  };
  return { clock, limiter, notified, wait };
}

describe('ready', () => {
  it('resolves at once while there is room, in the queue too', async () => {
    const { limiter, notified, wait, clock } = setup(1, 1);
    await limiter.acquire();
    wait('room in the queue');
    await clock.advance(0);
    void limiter.acquire();
    wait('none');
    await clock.advance(0);
    expect(notified).toEqual(['room in the queue']);
  });

  it('notifies one caller a turn, in order, and the next one if the first does not call', async () => {
    const { limiter, notified, wait, clock } = setup();
    const held = await limiter.acquire();
    for (const name of ['a', 'b', 'c']) wait(name);
    held.release();
    await Promise.resolve();
    await Promise.resolve();
    expect(notified).toEqual(['a']);
    await clock.advance(0);
    expect(notified).toEqual(['a', 'b', 'c']);
  });

  it('forgets cancelled callers', async () => {
    const { limiter, notified, wait } = setup();
    const held = await limiter.acquire();
    const controller = new AbortController();
    wait('a', { signal: controller.signal });
    wait('b');
    controller.abort();
    held.release();
    for (let i = 0; i < 3; i++) await Promise.resolve();
    expect(notified).toEqual(['a CANCELLED', 'b']);
  });

  it('lets the others wait if the first caller takes the place', async () => {
    const { limiter, notified, wait, clock } = setup();
    const held = await limiter.acquire();
    void limiter.ready().then(() => limiter.acquire());
    wait('b');
    held.release();
    await clock.advance(0);
    expect(limiter.stats().active).toBe(1);
    expect(notified).toEqual([]);
  });

  it('waits for room for the cost of the call', async () => {
    const { limiter, notified, wait, clock } = setup(3);
    const first = limiter.tryAcquire();
    const second = limiter.tryAcquire();
    wait('heavy', { cost: 3 });
    first?.release();
    await clock.advance(0);
    expect(notified).toEqual([]);
    second?.release();
    await clock.advance(0);
    expect(notified).toEqual(['heavy']);
    await expect(limiter.ready({ cost: 4 })).rejects.toThrow(RangeError);
  });

  it('follows a raised limit', async () => {
    const { limiter, notified, wait, clock } = setup();
    limiter.setLimit(0);
    wait('a');
    await clock.advance(0);
    limiter.setLimit(1);
    await clock.advance(0);
    expect(notified).toEqual(['a']);
  });

  it('ends with its deadline, its signal and the limiter, and leaves no timer behind', async () => {
    const { limiter, notified, wait, clock } = setup();
    const held = await limiter.acquire();
    const controller = new AbortController();
    wait('a', { deadline: 10 });
    wait('b', { signal: controller.signal });
    wait('c');
    controller.abort();
    await clock.advance(10);
    void limiter.close();
    await clock.advance(0);
    wait('d');
    await clock.advance(0);
    expect(notified).toEqual(['b CANCELLED', 'a DEADLINE_EXCEEDED', 'c SHUTTING_DOWN', 'd SHUTTING_DOWN']);
    held.release();
    expect(clock.pendingTimers).toBe(0);
  });

  it('rejects when 1000 callers wait', async () => {
    const { limiter, wait } = setup();
    await limiter.acquire();
    for (let i = 0; i < 1000; i++) wait('waits');
    await expect(limiter.ready()).rejects.toMatchObject({ code: 'QUEUE_FULL' });
  });

  it('notifies the next caller when the first one, which needs more room, is cancelled', async () => {
    const limiter = new ConcurrencyLimiter({ limit: 3 });
    const held = [await limiter.acquire(), await limiter.acquire()];
    const controller = new AbortController();
    const heavy = limiter.ready({ cost: 3, signal: controller.signal });
    const light = limiter.ready();
    controller.abort();
    await expect(heavy).rejects.toMatchObject({ code: 'CANCELLED' });
    await expect(light).resolves.toBeUndefined();
    for (const permit of held) permit.release();
  });

  it('rejects a cost that setLimit made impossible, and serves the callers behind it', async () => {
    const { limiter, notified, wait, clock } = setup(3);
    const held = limiter.tryAcquire({ cost: 3 });
    const impossible = limiter.ready({ cost: 3 }).catch((error: unknown) => error);
    wait('b');
    wait('c');
    limiter.setLimit(2);
    expect(await impossible).toMatchObject({
      code: 'CONCURRENCY_LIMIT',
      retryAfterMs: Number.POSITIVE_INFINITY,
    });
    await expect(limiter.ready({ cost: 3 })).rejects.toMatchObject({
      retryAfterMs: Number.POSITIVE_INFINITY,
    });
    expect(notified).toEqual([]);
    held?.release();
    await clock.advance(0);
    expect(notified).toEqual(['b', 'c']);
  });

  it('waits while the limit is 0, which is a pause', async () => {
    const { limiter, notified, wait, clock } = setup(3);
    limiter.setLimit(0);
    wait('heavy', { cost: 3 });
    await clock.advance(1000);
    expect(notified).toEqual([]);
    limiter.setLimit(3);
    await clock.advance(0);
    expect(notified).toEqual(['heavy']);
  });
});
