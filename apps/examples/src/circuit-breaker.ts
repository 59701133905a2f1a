import { CircuitBreaker } from '@bp/circuit-breaker';
import { isRejected } from '@bp/core';

// Opens after 3 failures in a row, stays open for 200 ms, closes again after 2 good probes.
const breaker = new CircuitBreaker({
  name: 'payments',
  consecutiveFailures: 3,
  openMs: 200,
  halfOpenProbes: 2,
});
breaker.onTransition(({ from, to }) => console.log(`  ${from} -> ${to}`));

let healthy = false;
async function charge(): Promise<string> {
  if (!healthy) throw new Error('the gateway answers 500');
  return 'paid';
}

async function order(): Promise<void> {
  try {
    console.log(await breaker.execute(charge));
  } catch (error) {
    if (isRejected(error))
      console.log(`${error.code}: not even tried, ask again in ${Math.ceil(error.retryAfterMs ?? 0)} ms`);
    else console.log(`failed: ${(error as Error).message}`);
  }
}

console.log('the gateway is down; each failure is passed on, the third one opens the breaker');
for (let i = 0; i < 3; i++) await order();

console.log('while it is open a rejection costs a microsecond instead of a timeout');
await order();

console.log('the gateway recovers; after 200 ms probes are let through, and two good ones close the breaker');
healthy = true;
await new Promise((resolve) => setTimeout(resolve, Math.ceil(breaker.retryAfterMs()) + 1));
for (let i = 0; i < 3; i++) await order();
