import { ConcurrencyLimiter } from '@bp/concurrency';
import { RequestContext } from '@bp/context';
import { isRejected } from '@bp/core';

// A request with a deadline in 1000 ms; every call that it makes shares the remaining time.
const request = new RequestContext({ timeoutMs: 1000 });
const database = new ConcurrencyLimiter({ name: 'database', limit: 1, maxQueue: 10 });

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
const left = (ctx: RequestContext): string => `${Math.round(ctx.remainingMs() / 250) * 250} ms`;
console.log(`the request starts with ${left(request)}`);

await sleep(250);
const query = request.child({ timeoutMs: 5000 });
console.log(`its query wants 5000 ms and gets the remaining ${left(query)}`);

console.log('another query holds the only connection, so this one waits until its deadline');
const otherQuery = database.execute(() => sleep(1500));
try {
  await database.execute(() => console.log('never printed'), query);
} catch (error) {
  if (!isRejected(error)) throw error;
  console.log(
    `${error.code} with ${database.stats().queued} queries waiting: its place in the queue is free again`,
  );
}
await otherQuery;

const other = new RequestContext({ timeoutMs: 1000 });
other.onDone((reason) =>
  console.log(`notified of the cancellation: ${isRejected(reason) ? reason.code : reason}`),
);
console.log('a caller that disconnects cancels every context derived from its own');
other.cancel();
console.log(`a child made afterwards is done at once: ${other.child({}).done}`);
