import { CircuitBreaker } from '@bp/circuit-breaker';
import { ConsecutiveBreaker, circuitBreaker, handleAll } from 'cockatiel';
import Opossum from 'opossum';
import { compare } from './compare.ts';

const work = async (): Promise<number> => 1;
const broken = async (): Promise<number> => {
  throw new Error('down');
};
const swallow = async (call: () => Promise<unknown>): Promise<void> => {
  try {
    await call();
  } catch {
    // What is measured is how dear the refusal is.
  }
};

const ours = new CircuitBreaker({});
const cockatiel = circuitBreaker(handleAll, { halfOpenAfter: 60_000, breaker: new ConsecutiveBreaker(5) });
const opossum = new Opossum(work, { timeout: false });

const closed = await compare({
  title: 'a call through a closed breaker',
  baseline: 'bare await',
  contenders: {
    'bare await': () => work(),
    '@bp CircuitBreaker.execute': () => ours.execute(work),
    'cockatiel circuitBreaker': () => cockatiel.execute(work),
    'opossum fire': () => opossum.fire(),
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

const open = await compare({
  title: 'a refusal by an open breaker, awaited and caught',
  baseline: 'reading the clock',
  contenders: {
    'reading the clock': () => performance.now(),
    '@bp CircuitBreaker.tryAcquire()': () => oursOpen.tryAcquire(),
    '@bp CircuitBreaker.execute': () => swallow(() => oursOpen.execute(work)),
    'cockatiel circuitBreaker': () => swallow(() => cockatielOpen.execute(work)),
    'opossum fire': () => swallow(() => opossumOpen.fire()),
  },
});
opossumOpen.shutdown();

export const answers = [...closed, ...open];
