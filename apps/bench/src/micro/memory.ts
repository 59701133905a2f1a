import { PerClientRateLimiter } from '@bp/rate-limiter';
import { RateLimiterMemory } from 'rate-limiter-flexible';
import { LruMap } from 'toad-cache';

const KEYS = 1_000_000;

/** Bytes that are still in use after `fill`, including typed arrays and strings. */
async function bytesAfter(fill: () => unknown): Promise<number> {
  const collect = globalThis.gc as () => void;
  const used = (): number => {
    collect();
    const { heapUsed, external } = process.memoryUsage();
    return heapUsed + external;
  };
  const before = used();
  const kept = await fill();
  const after = used();
  // Used after the measurement, so that it is not collected before.
  if (kept === undefined) throw new Error('nothing was kept');
  return after - before;
}

const contenders: Readonly<Record<string, () => unknown>> = {
  '@bp PerClientRateLimiter': () => {
    const limiter = new PerClientRateLimiter({ rate: 1, burst: 10, maxKeys: KEYS });
    for (let i = 0; i < KEYS; i++) limiter.tryAcquire({ key: `user-${i}`, cost: 5 });
    return limiter;
  },
  'toad-cache LruMap, as @fastify/rate-limit uses it': () => {
    const lru = new LruMap<{ current: number; iterationStartMs: number }>(KEYS);
    for (let i = 0; i < KEYS; i++) lru.set(`user-${i}`, { current: 1, iterationStartMs: i });
    return lru;
  },
  'rate-limiter-flexible memory': async () => {
    const limiter = new RateLimiterMemory({ points: 10, duration: 86_400 });
    for (let i = 0; i < KEYS; i++) await limiter.consume(`user-${i}`);
    return limiter;
  },
};

console.log(`\nbytes a key at ${KEYS} keys`);
export const bytesAKey: Record<string, number> = {};
for (const [name, fill] of Object.entries(contenders)) {
  const bytes = Math.round((await bytesAfter(fill)) / KEYS);
  bytesAKey[name] = bytes;
  console.log(`  ${name.padEnd(56)}${String(bytes).padStart(6)}`);
}
