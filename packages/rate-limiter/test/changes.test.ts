import { settle, VirtualClock } from '@bp/core/testing';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { AllOf, type Budget, PerClientRateLimiter, TokenBucket } from '../src/index.ts';

const NEVER = Number.POSITIVE_INFINITY;

/** A bucket, empty, and limits that include it through chains of different length. */
function chains() {
  const clock = new VirtualClock();
  const child = new TokenBucket({ rate: 10, burst: 10, clock, name: 'child' });
  const wide = () => new TokenBucket({ rate: 1000, clock });
  const users = new PerClientRateLimiter({ rate: 1000, parent: child, clock });
  const limits: Readonly<Record<string, Budget>> = {
    'the bucket': child,
    'an AllOf over it': new AllOf({ limits: [wide(), child], clock }),
    'a client with it as parent': users.client('ann'),
    'a keyed limiter with it as parent': users,
    'an AllOf over a client with it as parent': new AllOf({ limits: [users.client('ann'), wide()], clock }),
    'a client with an AllOf over it as parent': new PerClientRateLimiter({
      rate: 1000,
      parent: new AllOf({ limits: [child], clock }),
      clock,
    }).client('ann'),
  };
  child.tryAcquire({ cost: 10 });
  return { clock, child, limits };
}

const chainNames = Object.keys(chains().limits);

/** An AllOf over the limit called `name`, and a record of the calls that wait for it. */
function waiting(name: string) {
  const { clock, child, limits } = chains();
  const limiter = new AllOf({ limits: [limits[name] as Budget], clock, name: 'outer' });
  const outcomes: string[] = [];
  const acquire = (cost: number) =>
    limiter.acquire({ cost }).then(
      () => outcomes.push(`${cost} admitted at ${clock.now()}`),
      (rejection) => outcomes.push(`${cost} ${rejection.code} ${rejection.retryAfterMs} at ${clock.now()}`),
    );
  return { clock, child, limiter, outcomes, acquire };
}

describe.each(chainNames)('calls that wait for an AllOf over %s', (name) => {
  it('are rejected if setLimit makes them impossible, and do not block the calls behind them', async () => {
    const { clock, child, limiter, outcomes, acquire } = waiting(name);
    acquire(8);
    child.setLimit({ burst: 5 });
    acquire(1);
    await settle();
    expect(outcomes).toEqual([`8 RATE_LIMITED ${NEVER} at 0`]);
    const closed = limiter.close();
    await clock.advance(1000);
    await closed;
    expect(outcomes).toEqual([`8 RATE_LIMITED ${NEVER} at 0`, '1 admitted at 600']);
    expect(clock.pendingTimers).toBe(0);
  });

  it('are rejected when the bucket closes', async () => {
    const { clock, child, limiter, outcomes, acquire } = waiting(name);
    acquire(8);
    acquire(1);
    await child.close();
    await settle();
    expect(outcomes).toEqual(['8 SHUTTING_DOWN undefined at 0', '1 SHUTTING_DOWN undefined at 0']);
    await limiter.close();
    expect(clock.pendingTimers).toBe(0);
  });

  it.each([
    ['reset', (child: TokenBucket) => child.reset(), 50],
    ['refund', (child: TokenBucket) => child.refund({ cost: 10 }), 50],
    ['a higher rate', (child: TokenBucket) => child.setLimit({ rate: 1000 }), 57.5],
    ['a higher burst', (child: TokenBucket) => child.setLimit({ burst: 30 }), 50],
    ['restore', (child: TokenBucket) => child.restore({ spent: 0 }), 50],
    ['a lower rate', (child: TokenBucket) => child.setLimit({ rate: 1 }), 7550],
    ['a penalty', (child: TokenBucket) => child.penalty({ cost: 5 }), 1300],
    ['a block', (child: TokenBucket) => child.block(5000), 5050],
  ])('are served at the right time after %s', async (_, change, servedAt) => {
    const { clock, child, outcomes, acquire } = waiting(name);
    acquire(8);
    await clock.advance(50);
    change(child);
    await clock.advance(20_000);
    expect(outcomes).toEqual([`8 admitted at ${servedAt}`]);
    expect(clock.pendingTimers).toBe(0);
  });

  it('are served earlier when a call that waits for the bucket itself is cancelled', async () => {
    const { clock, child, outcomes, acquire } = waiting(name);
    const controller = new AbortController();
    const first = child.acquire({ cost: 10, signal: controller.signal }).catch((error) => error.code);
    acquire(5);
    await clock.advance(100);
    controller.abort();
    expect(await first).toBe('CANCELLED');
    await clock.advance(400);
    expect(outcomes).toEqual(['5 admitted at 500']);
    expect(clock.pendingTimers).toBe(0);
  });

  it('end when the limiter closes although the bucket never refills', async () => {
    const { clock, child, limiter, outcomes, acquire } = waiting(name);
    acquire(8);
    const closed = limiter.close();
    child.setLimit({ rate: 0 });
    await closed;
    expect(outcomes).toEqual(['8 SHUTTING_DOWN undefined at 0']);
    expect(clock.pendingTimers).toBe(0);
  });
});

describe('changes of a per-client limiter', () => {
  it('serve the calls that wait for the client, and only look at other clients if all may be concerned', async () => {
    const clock = new VirtualClock();
    const users = new PerClientRateLimiter({ rate: 1, burst: 2, clock });
    const served: string[] = [];
    for (const key of ['ann', 'bob']) {
      users.tryAcquire({ key, cost: 2 });
      const limiter = new AllOf({ limits: [users.client(key)], clock });
      for (let i = 0; i < 2; i++) limiter.acquire().then(() => served.push(`${key} at ${clock.now()}`));
    }
    users.refund({ key: 'ann' });
    await settle();
    expect(served).toEqual(['ann at 0']);
    users.reset('bob');
    await settle();
    expect(served).toEqual(['ann at 0', 'bob at 0', 'bob at 0']);
    users.setLimit({ rate: 10 });
    await clock.advance(100);
    expect(served).toEqual(['ann at 0', 'bob at 0', 'bob at 0', 'ann at 100']);
    expect(clock.pendingTimers).toBe(0);
  });

  it('reach an AllOf over the whole limiter, whose calls carry their keys', async () => {
    const clock = new VirtualClock();
    const users = new PerClientRateLimiter({ rate: 1, burst: 1, clock });
    const limiter = new AllOf({ limits: [users], clock });
    expect(limiter.tryAcquire({ key: 'ann' })).toBe(true);
    expect(limiter.tryAcquire({ key: 'bob' })).toBe(true);
    const waiter = limiter.acquire({ key: 'ann' });
    users.reset('ann');
    await waiter;
    const impossible = limiter.acquire({ key: 'ann' }).catch((error) => error);
    await users.close();
    expect(await impossible).toMatchObject({ code: 'SHUTTING_DOWN', retryAfterMs: undefined });
    expect(clock.pendingTimers).toBe(0);
  });
});

describe('a limit that lives long', () => {
  it('keeps no AllOf alive once no call waits for it', async () => {
    const clock = new VirtualClock();
    const users = new PerClientRateLimiter({ rate: 1000, burst: 1, clock });
    const hourly = new TokenBucket({ rate: 1000, clock });
    const use = async (): Promise<WeakRef<AllOf>> => {
      const limiter = new AllOf({ limits: [users.client('ann'), hourly], clock });
      const calls = [limiter.acquire(), limiter.acquire(), limiter.acquire()];
      await clock.advance(10);
      await Promise.all(calls);
      return new WeakRef(limiter);
    };
    const references = [await use(), await use()];
    for (let i = 0; i < 5; i++) {
      await settle();
      globalThis.gc?.();
    }
    expect(references.map((reference) => reference.deref())).toEqual([undefined, undefined]);
  });

  it('notifies onChange listeners once a change until they are removed, and survives one that throws', async () => {
    const clock = new VirtualClock();
    const bucket = new TokenBucket({ rate: 1, clock });
    const all = new AllOf({ limits: [bucket], clock });
    const seen: string[] = [];
    const stops = [all.onChange((change) => seen.push(`all ${change}`))];
    stops.push(bucket.onChange((change) => seen.push(`bucket ${change}`)));
    bucket.refund();
    bucket.setLimit({ rate: 2 });
    all.refund();
    for (const stop of [...stops, ...stops]) stop();
    bucket.reset();
    expect(seen).toEqual([
      'all tokens',
      'bucket tokens',
      'all limit',
      'bucket limit',
      'all tokens',
      'bucket tokens',
      'all tokens',
    ]);
  });
});

describe('a nest of limits', { timeout: 60_000 }, () => {
  const step = fc.record({
    what: fc.nat(9),
    on: fc.nat(3),
    cost: fc.integer({ min: 0, max: 8 }),
    waitMs: fc.nat(400),
  });

  it('loses no call and no wake-up, whatever changes below it: 300 runs', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 40, size: 'max' }), async (steps) => {
        const clock = new VirtualClock();
        const buckets = [1, 2, 3].map((i) => new TokenBucket({ rate: 5 * i, burst: 5, clock }));
        const [a, b, c] = buckets as [TokenBucket, TokenBucket, TokenBucket];
        const users = new PerClientRateLimiter({ rate: 20, burst: 6, parent: c, clock });
        const inner = new AllOf({ limits: [a, b], clock });
        const outer = new AllOf({ limits: [inner, users.client('ann')], clock });
        const limiters = [a, inner, outer, outer];
        let pending = 0;
        let calls = 0;
        const settled = { admitted: 0, rejected: 0, invalid: 0 };
        for (const { what, on, cost, waitMs } of steps) {
          const bucket = buckets[on % 3] as TokenBucket;
          if (what < 4) {
            const controller = new AbortController();
            if (waitMs % 3 === 0) clock.setTimer(() => controller.abort(), waitMs);
            pending++;
            calls++;
            (limiters[on] as TokenBucket | AllOf)
              .acquire({ cost, signal: controller.signal })
              .then(
                () => settled.admitted++,
                (error) => (error instanceof RangeError ? settled.invalid++ : settled.rejected++),
              )
              .finally(() => pending--);
          } else if (what === 4) bucket.setLimit({ burst: Math.max(1, cost) });
          else if (what === 5) bucket.setLimit({ rate: cost });
          else if (what === 6) bucket.refund({ cost });
          else if (what === 7) bucket.block(waitMs);
          else if (what === 8) users.penalty({ key: 'ann', cost });
          // Not awaited: a call that waits for the bucket needs the clock to advance.
          else if (on === 3 && cost === 8) void bucket.close();
          else bucket.reset();
          await clock.advance(waitMs);
        }
        // With enough time and a full rate again every call ends by itself, unless a limit never refills.
        for (const bucket of buckets) bucket.setLimit({ rate: 50, burst: 8 });
        await clock.advance(100_000);
        expect(pending, 'calls that hang').toBe(0);
        expect(settled.admitted + settled.rejected + settled.invalid).toBe(calls);
        await Promise.all([...limiters, users].map((limiter) => limiter.close()));
        expect(clock.pendingTimers).toBe(0);
      }),
      { numRuns: 300 },
    );
  });

  it('settles every call on close, even if no limit ever refills', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.integer({ min: 1, max: 5 }), { maxLength: 10 }), async (costs) => {
        const clock = new VirtualClock();
        const bucket = new TokenBucket({ rate: 10, burst: 5, clock });
        const all = new AllOf({ limits: [bucket], clock });
        const calls = costs.flatMap((cost) => [bucket.acquire({ cost }), all.acquire({ cost })]);
        bucket.block(NEVER);
        const closed = Promise.all([all.close(), bucket.close()]);
        await Promise.allSettled(calls);
        await closed;
        expect(clock.pendingTimers).toBe(0);
      }),
    );
  });
});
