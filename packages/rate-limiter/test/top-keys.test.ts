import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { PerClientRateLimiter } from '../src/index.ts';
import { KeyHash } from '../src/per-client/key-hash.ts';
import { TopKeys } from '../src/per-client/top-keys.ts';

const hash = new KeyHash(1, 2);

function add(top: TopKeys, key: string): void {
  hash.hash(key);
  top.add(key, hash.low, hash.high);
}

describe('TopKeys', { timeout: 30_000 }, () => {
  it('counts exactly while there are no more keys than counters', () => {
    const top = new TopKeys(3);
    for (const key of ['b', 'a', 'b', '__proto__', 'b', 'a']) add(top, key);
    expect(top.top()).toEqual([
      { key: 'b', count: 3, excess: 0 },
      { key: 'a', count: 2, excess: 0 },
      { key: '__proto__', count: 1, excess: 0 },
    ]);
  });

  it('lists every key with more than its share, and bounds the error of every count', () => {
    fc.assert(
      fc.property(
        fc.array(fc.nat(30), { maxLength: 500, size: 'max' }),
        fc.integer({ min: 1, max: 12 }),
        (keys, counters) => {
          const top = new TopKeys(counters);
          const truth = new Map<string, number>();
          for (const n of keys) {
            // Some are common, most are not.
            const key = `${n > 20 ? n % 3 : n}`;
            add(top, key);
            truth.set(key, (truth.get(key) ?? 0) + 1);
          }
          const found = top.top();
          expect(found.length).toBeLessThanOrEqual(counters);
          for (const { key, count, excess } of found) {
            const occurred = truth.get(key) ?? 0;
            expect(count).toBeGreaterThanOrEqual(occurred);
            expect(count - excess).toBeLessThanOrEqual(occurred);
          }
          for (const [key, occurred] of truth) {
            if (occurred > keys.length / counters) expect(found.map((entry) => entry.key)).toContain(key);
          }
        },
      ),
    );
  });

  it('keeps only the beginning of a long key', () => {
    const top = new TopKeys(2);
    const key = 'k'.repeat(64);
    add(top, `${key}${'x'.repeat(2 ** 20)}`);
    add(top, key);
    expect(top.top().map((entry) => entry.key)).toEqual([`${key}…`, key]);
  });

  it('lists the most rejected clients in stats(), among a hundred thousand others', () => {
    const limiter = new PerClientRateLimiter({ rate: 1e-6, burst: 1 });
    for (let i = 0; i < 100_000; i++) {
      limiter.tryAcquire({ key: `one-time ${i}` });
      if (i % 2 === 0) limiter.tryAcquire({ key: `one-time ${i}` });
      if (i % 4 === 0) limiter.tryAcquire({ key: 'worst' });
      if (i % 8 === 0) limiter.tryAcquire({ key: 'second worst' });
    }
    const { offenders } = limiter.stats();
    expect(offenders).toHaveLength(16);
    expect(offenders.slice(0, 2).map(({ key }) => key)).toEqual(['worst', 'second worst']);
    const silent = new PerClientRateLimiter({ rate: 1, maxOffenders: 0 });
    expect([silent.tryAcquire({ key: 'ann' }), silent.tryAcquire({ key: 'ann' })]).toEqual([true, false]);
    expect(silent.stats().offenders).toEqual([]);
  });
});
