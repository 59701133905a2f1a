import { PerClientRateLimiter, TokenBucket } from '@bp/rate-limiter';
import { Effect } from 'effect';
import { RateLimiter as EffectRateLimiter } from 'effect/persistence';
import { RateLimiter as LimiterRateLimiter } from 'limiter';
import { RateLimiterMemory } from 'rate-limiter-flexible';
import { LruMap } from 'toad-cache';
import { compare } from './compare.ts';

const MANY = 1_000_000_000;
const KEYS = 100_000;

const bucket = new TokenBucket({ rate: MANY, burst: MANY });
const empty = new TokenBucket({ rate: 0.001, burst: 1 });
empty.tryAcquire();
const now = performance.now();
const limiter = new LimiterRateLimiter({ tokensPerInterval: MANY, interval: 1000 });

const effectLimiter = await Effect.runPromise(
  EffectRateLimiter.make.pipe(Effect.provide(EffectRateLimiter.layerStoreMemory)),
);
const effectConsume = (key: string): unknown =>
  Effect.runSync(
    effectLimiter.consume({ algorithm: 'token-bucket', window: '1 second', limit: 1_000_000, key }),
  );

const single = await compare({
  title: 'one decision of one token bucket',
  baseline: 'reading the clock',
  contenders: {
    'reading the clock': () => performance.now(),
    '@bp TokenBucket.tryAcquire()': () => bucket.tryAcquire(),
    '@bp TokenBucket.tryAcquire(undefined, now)': () => bucket.tryAcquire(undefined, now),
    '@bp TokenBucket.tryAcquire(), rejected': () => empty.tryAcquire(),
    'limiter tryRemoveTokens(1)': () => limiter.tryRemoveTokens(1),
    'Effect RateLimiter.consume, one key': () => effectConsume('key'),
  },
});

// Strings as a server gets them: new objects, not interned, hash not yet computed.
let count = 0;
const freshKey = (): string => {
  count = (count + 7919) % KEYS;
  return `user-${count}`;
};

const perClient = new PerClientRateLimiter({ rate: MANY, burst: MANY, maxKeys: KEYS });
const flexible = new RateLimiterMemory({ points: MANY, duration: 3600 });
// What @fastify/rate-limit does for each request in its LocalStore: a counter in an LRU map of toad-cache.
const lru = new LruMap<{ current: number; ttl: number; iterationStartMs: number }>(KEYS);
const withLru = (key: string): boolean => {
  const at = Date.now();
  let entry = lru.get(key);
  if (entry === undefined) entry = { current: 1, ttl: 1000, iterationStartMs: at };
  else if (entry.iterationStartMs + 1000 <= at) {
    entry.current = 1;
    entry.iterationStartMs = at;
  } else entry.current++;
  lru.set(key, entry);
  return entry.current <= MANY;
};
const mapAndArray = new Map<string, [tokens: number, at: number]>();
const withMap = (key: string): boolean => {
  const at = performance.now();
  let entry = mapAndArray.get(key);
  if (entry === undefined) {
    entry = [MANY, at];
    mapAndArray.set(key, entry);
  }
  entry[0] = Math.min(MANY, entry[0] + (at - entry[1]) * MANY) - 1;
  entry[1] = at;
  return entry[0] >= 0;
};
for (let i = 0; i < KEYS; i++) {
  const key = `user-${i}`;
  perClient.tryAcquire({ key });
  withMap(key);
  withLru(key);
  effectConsume(key);
  await flexible.consume(key);
}

const keyed = await compare({
  title: 'one decision of one of 100 000 clients, the key a fresh string',
  baseline: 'making the string',
  contenders: {
    'making the string': () => freshKey(),
    '@bp PerClientRateLimiter.tryAcquire({ key })': () => perClient.tryAcquire({ key: freshKey() }),
    'a Map and an array, by hand': () => withMap(freshKey()),
    'the LRU map of @fastify/rate-limit': () => withLru(freshKey()),
    'Effect RateLimiter.consume': () => effectConsume(freshKey()),
    'rate-limiter-flexible consume(key)': () => flexible.consume(freshKey()),
  },
});

export const measurements = [...single, ...keyed];
