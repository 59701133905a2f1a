import { settle, VirtualClock } from '@bp/core/testing';
import { describe, expect, it } from 'vitest';
import { LeakyBucketShaper, type LeakyBucketShaperOptions } from '../src/index.ts';

function shaperOf(options: Partial<LeakyBucketShaperOptions> = {}) {
  const clock = new VirtualClock();
  const shaper = new LeakyBucketShaper({ rate: 10, capacity: 100, clock, name: 'mail', ...options });
  const left: string[] = [];
  const send = (name: string, cost = 1, signal?: AbortSignal) =>
    shaper.acquire({ cost, signal }).then(
      () => left.push(`${name} at ${clock.now()}`),
      (rejection) => left.push(`${name}: ${rejection.code}`),
    );
  return { clock, shaper, left, send };
}

describe('LeakyBucketShaper', () => {
  it('releases one call after the other, at the rate', async () => {
    const { clock, left, send } = shaperOf();
    for (const name of ['a', 'b', 'c']) send(name);
    await clock.advance(150);
    send('d');
    await clock.advance(1000);
    expect(left).toEqual(['a at 0', 'b at 100', 'c at 200', 'd at 300']);
    expect(clock.pendingTimers).toBe(0);
  });

  it('saves no tokens while it is idle', async () => {
    const { clock, left, send } = shaperOf();
    await clock.advance(10_000);
    for (const name of ['a', 'b']) send(name);
    await clock.advance(1000);
    expect(left).toEqual(['a at 10000', 'b at 10100']);
  });

  it('delays the next call by the cost of the one before', async () => {
    const { clock, left, send } = shaperOf();
    send('heavy', 30);
    send('light', 0.5);
    send('next');
    await clock.advance(10_000);
    expect(left).toEqual(['heavy at 0', 'light at 3000', 'next at 3050']);
  });

  it('shortens the wait of the calls behind a cancelled one', async () => {
    const { clock, shaper, left, send } = shaperOf();
    const controller = new AbortController();
    send('a');
    send('heavy', 30, controller.signal);
    send('b');
    await clock.advance(50);
    expect(shaper.retryAfterMs()).toBe(3150);
    controller.abort();
    expect(shaper.retryAfterMs()).toBe(150);
    await clock.advance(1000);
    expect(left).toEqual(['a at 0', 'heavy: CANCELLED', 'b at 100']);
  });

  it('rejects a call that does not fit, and says when it will', async () => {
    const { clock, shaper, send } = shaperOf({ capacity: 4 });
    send('leaves at once');
    for (const cost of [1, 2, 1]) send('waits', cost);
    const rejection = await shaper.acquire({ cost: 2 }).catch((error) => error);
    expect(rejection).toMatchObject({ code: 'QUEUE_FULL', rejectedBy: 'mail', retryAfterMs: 200 });
    await clock.advance(199);
    expect(await shaper.acquire({ cost: 2 }).catch((error) => error)).toMatchObject({ retryAfterMs: 1 });
    await clock.advance(1);
    expect(shaper.stats()).toMatchObject({ queuedCost: 1, capacity: 4 });
    const accepted = shaper.acquire({ cost: 2 });
    await clock.advance(10_000);
    await accepted;
  });

  it('says when the first call is released, if that makes enough room', async () => {
    const { shaper, send } = shaperOf({ capacity: 3 });
    for (let i = 0; i < 4; i++) send('waits');
    expect(await shaper.acquire().catch((error) => error)).toMatchObject({
      code: 'QUEUE_FULL',
      retryAfterMs: 100,
    });
  });

  it('bounds the number of waiting calls too, as their costs may be tiny', async () => {
    const { shaper, send } = shaperOf({ maxQueue: 3 });
    for (let i = 0; i < 4; i++) send(`${i}`, 1e-9);
    expect(await shaper.acquire({ cost: 1e-9 }).catch((error) => error)).toMatchObject({
      code: 'QUEUE_FULL',
    });
    expect(await shaper.acquire({ cost: 0 }).catch((error) => error)).toMatchObject({ code: 'QUEUE_FULL' });
  });

  it('rejects at once a call that would be released after its deadline', async () => {
    const { clock, shaper, send } = shaperOf();
    send('a');
    send('b');
    const rejection = await shaper.acquire({ deadline: 200 }).catch((error) => error);
    expect(rejection).toMatchObject({ code: 'DEADLINE_EXCEEDED', retryAfterMs: 200 });
    await clock.advance(1000);
    expect(clock.pendingTimers).toBe(0);
  });

  it('admits tryAcquire only when no call waits and it may be released now', async () => {
    const { clock, shaper, send } = shaperOf();
    expect(shaper.tryAcquire()).toBe(true);
    expect(shaper.tryAcquire()).toBe(false);
    send('waits');
    await clock.advance(100);
    expect(shaper.tryAcquire()).toBe(false);
    await clock.advance(100);
    expect(shaper.tryAcquire()).toBe(true);
    expect(shaper.tryAcquire({ cost: 101 })).toBe(false);
    await clock.advance(100);
    expect([shaper.tryAcquire({ cost: 0 }), shaper.tryAcquire()]).toEqual([true, true]);
    expect(shaper.retryAfterMs({ cost: 101 })).toBe(Number.POSITIVE_INFINITY);
    expect(shaper.retryAfterMs({ cost: -1 })).toBe(Number.POSITIVE_INFINITY);
    expect(shaper.retryAfterMs({ cost: 100 })).toBe(100);
    await clock.advance(100);
    expect(shaper.tryAcquire({ cost: 100 })).toBe(true);
    await expect(shaper.acquire({ cost: 101 })).rejects.toThrow(RangeError);
    expect(shaper.maxCost()).toBe(100);
  });

  it('makes up for idle time by at most the burst', async () => {
    const { clock, left, send } = shaperOf({ burst: 2 });
    await clock.advance(10_000);
    for (const name of ['a', 'b', 'c', 'd', 'e']) send(name);
    await clock.advance(1000);
    expect(left).toEqual(['a at 10000', 'b at 10000', 'c at 10000', 'd at 10100', 'e at 10200']);
  });

  it('releases the next call earlier after a refund', async () => {
    const { shaper, left, send } = shaperOf();
    send('a', 5);
    send('b');
    shaper.refund({ cost: 5 });
    await settle();
    expect(left).toEqual(['a at 0', 'b at 0']);
  });

  it('changes its rate while calls wait, and rejects calls that have become impossible', async () => {
    const { clock, shaper, left, send } = shaperOf({ capacity: 10 });
    for (const name of ['a', 'b', 'c']) send(name);
    const large = shaper.acquire({ cost: 6 });
    await clock.advance(50);
    shaper.setLimit({ rate: 100 });
    await clock.advance(20);
    expect(left).toEqual(['a at 0', 'b at 55', 'c at 65']);
    shaper.setLimit({ capacity: 5, rate: 1 });
    await expect(large).rejects.toMatchObject({
      code: 'RATE_LIMITED',
      retryAfterMs: Number.POSITIVE_INFINITY,
    });
    expect(shaper.maxCost()).toBe(5);
    expect(shaper.retryAfterMs()).toBe(500);
    shaper.setLimit({ rate: Number.POSITIVE_INFINITY });
    shaper.setLimit({ rate: 2 });
    expect([shaper.tryAcquire(), shaper.retryAfterMs()]).toEqual([true, 500]);
    expect(() => shaper.setLimit({ rate: 0 })).toThrow(/rate/);
    expect(() => shaper.setLimit({ burst: -1 })).toThrow(/burst/);
    expect(() => shaper.refund({ cost: -1 })).toThrow(RangeError);
    expect(clock.pendingTimers).toBe(0);
  });

  it('releases every call at once at an infinite rate', async () => {
    const { left, send } = shaperOf({ rate: Number.POSITIVE_INFINITY });
    for (let i = 0; i < 5; i++) send(`${i}`, 50);
    await settle();
    expect(left).toHaveLength(5);
  });

  it('drains on close and rejects the remaining calls when the time is up', async () => {
    const { clock, shaper, left, send } = shaperOf();
    for (const name of ['a', 'b', 'c']) send(name);
    await settle();
    const closed = shaper.close({ withinMs: 150 });
    await clock.advance(150);
    await closed;
    expect(left).toEqual(['a at 0', 'b at 100', 'c: SHUTTING_DOWN']);
    expect(clock.pendingTimers).toBe(0);
  });
});
