import { CircuitBreaker } from '@bp/circuit-breaker';
import { isRejected } from '@bp/core';

// The breaker opens after 3 failures in a row, stays open for 200 ms and closes after 2 successful probes.
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
      console.log(
        `${error.code}: the gateway was not called, retry in ${Math.ceil(error.retryAfterMs ?? 0)} ms`,
      );
    else console.log(`failed: ${(error as Error).message}`);
  }
}

console.log('the gateway is down: each failure reaches its caller, the third opens the breaker');
for (let i = 0; i < 3; i++) await order();

console.log('while the breaker is open, calls are rejected at once instead of timing out');
await order();

console.log('the gateway recovers: after 200 ms the breaker admits probes, and two successful ones close it');
healthy = true;
await new Promise((resolve) => setTimeout(resolve, Math.ceil(breaker.retryAfterMs() ?? 0) + 1));
for (let i = 0; i < 3; i++) await order();
