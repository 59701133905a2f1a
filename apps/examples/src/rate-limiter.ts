import { PerClientRateLimiter } from '@bp/rate-limiter';

// Each client may send a burst of 3 requests, then 5 a second.
const limiter = new PerClientRateLimiter({ name: 'api', rate: 5, burst: 3 });

function request(client: string): void {
  if (limiter.tryAcquire({ key: client })) {
    console.log(`${client}: served, ${Math.floor(limiter.remaining(client))} left in the burst`);
  } else {
    const retryAfterMs = Math.ceil(limiter.retryAfterMs({ key: client }));
    console.log(`${client}: rejected, retry in ${retryAfterMs} ms`);
  }
}

console.log('ada sends five requests at once; the burst is 3');
for (let i = 0; i < 5; i++) request('ada');

console.log('bob is another client with a burst of his own');
request('bob');

// Platform timers may fire up to a millisecond early.
const waitMs = Math.ceil(limiter.retryAfterMs({ key: 'ada' })) + 1;
console.log(`ada waits ${waitMs} ms, as the rejection said, and is served`);
await new Promise((resolve) => setTimeout(resolve, waitMs));
request('ada');
