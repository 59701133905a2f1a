import { isRejected, type RejectedError } from '@bp/core';
import { VirtualClock } from '@bp/core/testing';
import { describe, expect, it } from 'vitest';
import { ConcurrencyLimiter, type ConcurrencyLimiterOptions } from '../src/index.ts';

const WORK_MS = 10;

function setup(options: Partial<ConcurrencyLimiterOptions>) {
  const clock = new VirtualClock();
  const limiter = new ConcurrencyLimiter({ limit: 1, maxQueue: 100, clock, ...options });
  const served: { name: string; waitedMs: number }[] = [];
  const rejected: { name: string; rejection: RejectedError }[] = [];
  const send = (name: string, ctx = {}): void => {
    const at = clock.now();
    limiter
      .execute(() => {
        served.push({ name, waitedMs: clock.now() - at });
        return new Promise<void>((resolve) => void clock.setTimer(resolve, WORK_MS));
      }, ctx)
      .catch((error: unknown) => {
        if (isRejected(error)) rejected.push({ name, rejection: error });
      });
  };
  return { clock, limiter, served, rejected, send };
}

describe('a fair limiter', () => {
  it('gives a client that sends ten times as many calls at most half of the permits', async () => {
    const { clock, served, send } = setup({ fair: true });
    for (let ms = 0; ms < 2000; ms += 20) {
      for (let i = 0; i < 10; i++) send('many', { key: 'many' });
      send('one', { key: 'one' });
      await clock.advance(20);
    }
    const ones = served.filter(({ name }) => name === 'one');
    expect(ones.length).toBeGreaterThanOrEqual(99);
    expect(Math.max(...ones.map(({ waitedMs }) => waitedMs))).toBeLessThanOrEqual(2 * WORK_MS);
    expect(served.length).toBeGreaterThanOrEqual(199);
  });

  it('serves in order of arrival by default, so that one client crowds out another', async () => {
    const { clock, served, send } = setup({});
    for (let ms = 0; ms < 2000; ms += 20) {
      for (let i = 0; i < 10; i++) send('many', { key: 'many' });
      send('one', { key: 'one' });
      await clock.advance(20);
    }
    expect(served.filter(({ name }) => name === 'one').length).toBeLessThan(60);
  });

  it('estimates the wait of each key for its own share', async () => {
    const { clock, limiter, send } = setup({ fair: true });
    send('first');
    await clock.advance(WORK_MS);
    for (let i = 0; i < 21; i++) send('many', { key: 'many' });
    expect(limiter.estimatedWaitMs({ key: 'many' })).toBe(21 * WORK_MS);
    expect(limiter.estimatedWaitMs({ key: 'one' })).toBe(2 * WORK_MS);
    expect(limiter.check({ key: 'many', deadline: clock.now() + 100 })?.code).toBe('DEADLINE_EXCEEDED');
    expect(limiter.check({ key: 'one', deadline: clock.now() + 100 })).toBeUndefined();
  });

  it('evicts a call of the key with most calls waiting, with a retryAfterMs', async () => {
    const { clock, limiter, rejected, send } = setup({ fair: true, maxQueue: 4 });
    send('first');
    await clock.advance(WORK_MS);
    for (let i = 0; i < 5; i++) send(`many ${i}`, { key: 'many' });
    send('one', { key: 'one' });
    await clock.advance(0);
    expect(rejected.map(({ name }) => name)).toEqual(['many 4']);
    expect(rejected[0]?.rejection).toMatchObject({ code: 'SHED', retryAfterMs: 5 * WORK_MS });
    expect(limiter.stats().queued).toBe(4);
  });
});

describe('a limiter with sojourn', () => {
  const overload = async (
    { clock, send }: ReturnType<typeof setup>,
    ms: number,
    everyMs: number,
  ): Promise<void> => {
    for (const end = clock.now() + ms; clock.now() < end; await clock.advance(everyMs)) send('call');
  };

  it('keeps the wait below twice the target under overload, and settles every call', async () => {
    const limited = setup({ maxQueue: 1000, sojourn: { targetMs: 20 } });
    await overload(limited, 1000, 5);
    const { served, rejected, limiter } = limited;
    served.length = 0;
    await overload(limited, 1000, 5);
    expect(served.length).toBeGreaterThanOrEqual(99);
    expect(Math.max(...served.map(({ waitedMs }) => waitedMs))).toBeLessThanOrEqual(40);
    const { admitted, queued } = limiter.stats();
    expect(admitted + rejected.length + queued).toBe(400);
    for (const { rejection } of rejected) {
      expect(rejection.code).toBe('SHED');
      expect(rejection.retryAfterMs).toBeGreaterThan(0);
    }
  });

  it('serves the newest call first while overloaded with newestFirst', async () => {
    const limited = setup({ maxQueue: 1000, sojourn: { targetMs: 20, newestFirst: true } });
    await overload(limited, 1000, 5);
    limited.served.length = 0;
    await overload(limited, 1000, 5);
    expect(Math.max(...limited.served.map(({ waitedMs }) => waitedMs))).toBeLessThanOrEqual(5);
  });

  it('admits a call with a deadline if it serves the newest call first', async () => {
    const limited = setup({ maxQueue: 1000, sojourn: { targetMs: 500, newestFirst: true } });
    const { clock, limiter, served, send } = limited;
    await overload(limited, 3000, 5);
    expect(limiter.stats().queued).toBeGreaterThanOrEqual(100);
    send('newest', { deadline: clock.now() + 100 });
    await clock.advance(2 * WORK_MS);
    expect(served.some(({ name }) => name === 'newest')).toBe(true);
  });

  it('sheds nothing by default', async () => {
    const limited = setup({ maxQueue: 1000 });
    await overload(limited, 1000, 5);
    expect(limited.rejected).toEqual([]);
    expect(limited.served.at(-1)?.waitedMs).toBeGreaterThan(400);
  });

  it('names the option that is wrong', () => {
    expect(() => setup({ sojourn: { targetMs: -1 } })).toThrow('sojourn.targetMs');
    expect(() => setup({ fair: 'yes' as never })).toThrow('fair');
  });
});
