import { PerClientRateLimiter } from '@bp/rate-limiter';

// Two clients, one limit each: bursts of 3, then 5 requests per second.
const limiter = new PerClientRateLimiter({ name: 'api', rate: 5, burst: 3 });

function request(client: string): void {
  if (limiter.tryAcquire(client)) {
    console.log(`${client}: served, ${Math.floor(limiter.remaining(client))} left in the burst`);
  } else {
    const retryAfterMs = Math.ceil(limiter.retryAfterMs(client));
    console.log(`${client}: rejected, the next permit is due in ${retryAfterMs} ms`);
  }
}

console.log('ada asks five times at once; the burst is 3');
for (let i = 0; i < 5; i++) request('ada');

console.log('bob is another client and has a burst of his own');
request('bob');

// One more: platform timers may fire up to a millisecond early.
const waitMs = Math.ceil(limiter.retryAfterMs('ada')) + 1;
console.log(`ada waits ${waitMs} ms, as she was told, and is served`);
await new Promise((resolve) => setTimeout(resolve, waitMs));
request('ada');
