import { VirtualClock } from '@bp/core/testing';
import { describe, expect, it } from 'vitest';
import { RedisRateLimiter, type RedisRateLimiterOptions } from '../src/index.ts';
import { FakeStore } from './fake-store.ts';
import { excess, type Result, simulate } from './simulation.ts';

const OUTAGES = 4;

/** Two instances of 100/s with a burst of 100, three times the load, and four outages in 15 s. */
function withOutages(
  pauseMs: number,
  seed: number,
  options: Partial<RedisRateLimiterOptions> = {},
): Promise<Result> {
  return simulate({
    limit: { rate: 100, burst: 100, ...options },
    instances: 2,
    roundTripMs: 1,
    loadPerMs: 0.3,
    durationMs: 15_000,
    seed,
    prepare: (clock, store) => {
      for (let i = 1; i <= OUTAGES; i++) clock.setTimer(() => store.pause(pauseMs), i * 3000);
    },
  });
}

describe('outages', () => {
  describe.each(['strict', 'leased'] as const)('%s', (mode) => {
    it.each([400, 1500])('grant at most one burst above the limit: %d ms', async (pauseMs) => {
      for (const seed of [1, 2, 3]) {
        const { admissions, admitted } = await withOutages(pauseMs, seed, { mode });
        for (let i = 1; i <= OUTAGES; i++) {
          const around = admissions.filter(({ at }) => at > i * 3000 - 250 && at < (i + 1) * 3000);
          expect(excess(around, 100, 0.1), `outage ${i}, seed ${seed}`).toBeLessThanOrEqual(100);
        }
        // Far less than a burst for each: what was spent before an outage is not granted again.
        expect(excess(admissions, 100, 0.1)).toBeLessThanOrEqual(150);
        expect(admitted).toBeGreaterThan(1200);
      }
    });

    it.each([{ localStart: 'empty' }, { whenUnavailable: 'closed' }] as const)(
      'grant nothing above the limit with %j',
      async (options) => {
        for (const pauseMs of [400, 1500]) {
          const { admissions, admitted } = await withOutages(pauseMs, 4, { mode, ...options });
          // A reply travels 0.6 ms at most, in which 0.06 tokens come back.
          expect(excess(admissions, 100, 0.1)).toBeLessThanOrEqual(0.06);
          expect(admitted).toBeGreaterThan(800);
        }
      },
    );
  });

  function limiterOf(options: Partial<RedisRateLimiterOptions>): {
    clock: VirtualClock;
    store: FakeStore;
    limiter: RedisRateLimiter;
    admittedOf: (calls: number, key?: string) => Promise<number>;
  } {
    const clock = new VirtualClock();
    const store = new FakeStore(clock, () => 0);
    const limiter = new RedisRateLimiter({
      client: store,
      clock,
      random: () => 0,
      rate: 1,
      intervalMs: 60_000,
      burst: 20,
      mode: 'strict',
      ...options,
    });
    const admittedOf = async (calls: number, key = 'key'): Promise<number> => {
      let admitted = 0;
      for (let i = 0; i < calls; i++) {
        await limiter.acquire({ key }).then(
          () => admitted++,
          () => {},
        );
      }
      return admitted;
    };
    return { clock, store, limiter, admittedOf };
  }

  it('charge calls that were admitted locally once the store is back', async () => {
    const { clock, store, limiter, admittedOf } = limiterOf({});
    store.down = true;
    expect(await admittedOf(30)).toBe(10);
    store.down = false;
    await clock.advance(1000);
    await limiter.acquire({ key: 'other' });
    await clock.advance(0);
    expect(limiter.stats().store).toBe('available');
    // The burst of 20, less the 10 of the outage.
    expect(await admittedOf(30)).toBe(10);
  });

  it('charge nothing that has come back during a long outage', async () => {
    const { clock, store, limiter, admittedOf } = limiterOf({});
    store.down = true;
    // One call in four minutes, where the local share brings two.
    for (let i = 0; i < 60; i++) {
      expect(await admittedOf(1)).toBe(1);
      await clock.advance(240_000);
    }
    store.down = false;
    await limiter.acquire({ key: 'other' });
    await clock.advance(1000);
    await limiter.acquire({ key: 'other' });
    expect(limiter.stats().store).toBe('available');
    expect(await admittedOf(30)).toBe(20);
  });

  it('charge an instance that makes no more calls', async () => {
    const { clock, store, limiter, admittedOf } = limiterOf({});
    const other = new RedisRateLimiter({
      client: store,
      clock,
      rate: 1,
      intervalMs: 60_000,
      burst: 20,
      mode: 'strict',
    });
    store.down = true;
    expect(await admittedOf(30)).toBe(10);
    store.down = false;
    await clock.advance(1000);
    await limiter.acquire({ key: 'other' });
    await clock.advance(0);
    let admitted = 0;
    for (let i = 0; i < 30; i++) {
      await other.acquire({ key: 'key' }).then(
        () => admitted++,
        () => {},
      );
    }
    expect(admitted).toBe(10);
  });

  it('allow less locally to a key that has just spent its tokens through the store', async () => {
    const { store, admittedOf } = limiterOf({});
    expect(await admittedOf(8)).toBe(8);
    store.down = true;
    expect(await admittedOf(30)).toBe(2);
  });

  it('count a debit that the store executed too late against what was admitted locally', async () => {
    const { clock, store, limiter } = limiterOf({ consecutiveFailures: 100 });
    store.pause(1000);
    const calls = Array.from({ length: 5 }, () => limiter.acquire({ key: 'key' }));
    await clock.advance(250);
    await Promise.all(calls);
    await clock.advance(1000);
    // The store has charged all five once, late; they are not charged again.
    let admitted = 0;
    for (let i = 0; i < 30; i++) {
      await limiter.acquire({ key: 'key' }).then(
        () => admitted++,
        () => {},
      );
    }
    expect(admitted).toBe(15);
  });

  it.each([
    ['closed', 0],
    ['open', 30],
    ['local', 5],
  ] as const)('are decided as configured: %s', async (whenUnavailable, expected) => {
    const { store, admittedOf, limiter } = limiterOf({ whenUnavailable, localShare: 0.25 });
    store.down = true;
    expect(await admittedOf(30)).toBe(expected);
    expect(limiter.stats()).toMatchObject({ store: 'unavailable', decidedLocally: 30 });
  });

  it('notify of both changes, with the error', async () => {
    const { clock, store, limiter, admittedOf } = limiterOf({});
    const changes: string[] = [];
    limiter.onStoreChange(({ from, to, error }) => changes.push(`${from} > ${to}: ${error}`));
    store.down = true;
    await admittedOf(5);
    store.down = false;
    await clock.advance(1000);
    await admittedOf(1);
    await clock.advance(0);
    expect(changes).toEqual([
      'available > unavailable: Error: connect ECONNREFUSED',
      'unavailable > available: undefined',
    ]);
  });

  it('cost waiting calls the time-out a few times, and later calls nothing', async () => {
    const { clock, store, limiter } = limiterOf({ consecutiveFailures: 3, probeIntervalMs: 1e9 });
    store.pause(1e9);
    const waiting = Array.from({ length: 3 }, () => limiter.acquire({ key: 'key' }));
    await clock.advance(250);
    await Promise.all(waiting);
    const { roundTrips } = limiter.stats();
    const later = Array.from({ length: 100 }, () => limiter.acquire({ key: 'key' }));
    const settled = await Promise.allSettled(later);
    expect(settled.filter(({ status }) => status === 'fulfilled')).toHaveLength(7);
    expect(limiter.stats().roundTrips).toBe(roundTrips);
  });

  it('send one probe at a time, and no call waits for it', async () => {
    const { clock, store, limiter, admittedOf } = limiterOf({ probeIntervalMs: 100 });
    store.down = true;
    await admittedOf(3);
    store.down = false;
    store.pause(1e9);
    await clock.advance(100);
    const { roundTrips } = limiter.stats();
    await admittedOf(50);
    expect(limiter.stats().roundTrips - roundTrips).toBe(1);
  });

  it('give the time of the next probe if closed, and undefined if that is unknown', async () => {
    const { clock, store, limiter } = limiterOf({ whenUnavailable: 'closed', probeIntervalMs: 100 });
    const retryAfterMs = async (): Promise<unknown> =>
      limiter.acquire({ key: 'key' }).catch((error) => error.retryAfterMs);
    store.down = true;
    expect(await retryAfterMs()).toBeUndefined();
    expect(await retryAfterMs()).toBeUndefined();
    await retryAfterMs();
    expect(await retryAfterMs()).toBe(100);
    await clock.advance(100);
    store.down = false;
    store.pause(200);
    expect(await retryAfterMs()).toBeUndefined();
  });

  it('give a finite wait to a key whose local share is below one token', async () => {
    const { store, limiter } = limiterOf({ rate: 1, intervalMs: 1000, burst: 1 });
    store.down = true;
    const rejection = await limiter.acquire({ key: 'key' }).catch((error) => error);
    expect(rejection).toMatchObject({ code: 'RATE_LIMITED', retryAfterMs: 1000 });
  });

  it('give no time for a cost that the local share never holds: the store may be back at any time', async () => {
    const { store, limiter } = limiterOf({});
    store.down = true;
    const rejection = await limiter.acquire({ key: 'key', cost: 15 }).catch((error) => error);
    expect(rejection).toMatchObject({ code: 'RATE_LIMITED', retryAfterMs: undefined });
  });

  it('do not lock a key out that spent much through the store for long', async () => {
    const { clock, store, admittedOf } = limiterOf({ rate: 20, intervalMs: 1000, burst: 20 });
    for (let i = 0; i < 20; i++) {
      expect(await admittedOf(20)).toBe(20);
      await clock.advance(1000);
    }
    store.down = true;
    await clock.advance(100);
    expect(await admittedOf(30)).toBeGreaterThan(9);
  });
});
