import { CircuitBreaker } from '@bp/circuit-breaker';
import { ConsecutiveBreaker, circuitBreaker, handleAll } from 'cockatiel';
import { Effect, Scope } from 'effect';
import { CircuitBreaker as EffectBreaker } from 'effect/persistence';
import Opossum from 'opossum';
import { compare } from './compare.ts';

const work = async (): Promise<number> => 1;
/** The least that any wrapper costs. */
const around = async (): Promise<number> => await work();
const broken = async (): Promise<number> => {
  throw new Error('down');
};
const existing = new Error('down');
/** Measures the cost of the rejection alone. */
const swallow = async (call: () => Promise<unknown>): Promise<void> => {
  try {
    await call();
  } catch {}
};

const ours = new CircuitBreaker();
const cockatiel = circuitBreaker(handleAll, { halfOpenAfter: 60_000, breaker: new ConsecutiveBreaker(5) });
const opossum = new Opossum(work, { timeout: false });
const effect = Effect.runSync(
  EffectBreaker.make({ tripPolicy: EffectBreaker.consecutive(5), openDuration: '1 minute' }).pipe(
    Effect.provide(EffectBreaker.layerStoreMemory()),
    Effect.provideService(Scope.Scope, Scope.makeUnsafe()),
  ),
);
// Made once, as its users do: this leaves the breaker and its fiber.
const bareEffect = Effect.promise(work);
const effectClosed = bareEffect.pipe(effect.execute({ key: 'closed' }));
const effectOpen = bareEffect.pipe(effect.execute({ key: 'open' }));

const closed = await compare({
  title: 'a call through a closed breaker',
  baseline: 'bare await',
  contenders: {
    'bare await': () => work(),
    'an async function around it': () => around(),
    '@bp CircuitBreaker.execute': () => ours.execute(work),
    'cockatiel circuitBreaker': () => cockatiel.execute(work),
    'opossum fire': () => opossum.fire(),
    'effect without a breaker': () => Effect.runPromise(bareEffect),
    'effect CircuitBreaker': () => Effect.runPromise(effectClosed),
  },
});
opossum.shutdown();

const oursOpen = new CircuitBreaker({ consecutiveFailures: 1 });
const cockatielOpen = circuitBreaker(handleAll, {
  halfOpenAfter: 60_000,
  breaker: new ConsecutiveBreaker(1),
});
const opossumOpen = new Opossum(broken, { timeout: false, resetTimeout: 60_000 });
await swallow(() => oursOpen.execute(broken));
await swallow(() => cockatielOpen.execute(broken));
await swallow(() => opossumOpen.fire());
for (let i = 0; i < 5; i++) {
  await swallow(() => Effect.runPromise(Effect.promise(broken).pipe(effect.execute({ key: 'open' }))));
}

const open = await compare({
  title: 'a rejection by an open breaker, awaited and caught',
  baseline: 'cockatiel circuitBreaker',
  contenders: {
    'an error that exists, rejected and caught': () => swallow(() => Promise.reject(existing)),
    '@bp CircuitBreaker.execute': () => swallow(() => oursOpen.execute(work)),
    'cockatiel circuitBreaker': () => swallow(() => cockatielOpen.execute(work)),
    'opossum fire': () => swallow(() => opossumOpen.fire()),
    'effect CircuitBreaker': () => swallow(() => Effect.runPromise(effectOpen)),
  },
});
opossumOpen.shutdown();

const tried = await compare({
  title: 'a rejection by an open breaker, synchronous',
  baseline: 'reading the clock',
  contenders: {
    'reading the clock': () => performance.now(),
    '@bp CircuitBreaker.tryAcquire()': () => oursOpen.tryAcquire(),
  },
});

export const measurements = [...closed, ...open, ...tried];
