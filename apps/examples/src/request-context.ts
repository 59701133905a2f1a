import { ConcurrencyLimiter } from '@bp/concurrency';
import { RequestContext } from '@bp/context';
import { isRejected } from '@bp/core';

// One request with 200 ms to answer; everything it calls shares what is left of them.
const request = new RequestContext({ timeoutMs: 200 });
const database = new ConcurrencyLimiter({ name: 'database', limit: 1, maxQueue: 10 });

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
const left = (ctx: RequestContext): string => `${Math.round(ctx.remainingMs() / 50) * 50} ms`;
console.log(`the request starts with ${left(request)}`);

await sleep(50);
const query = request.child({ timeoutMs: 1000 });
console.log(`its query asked for 1000 ms and gets what is left: ${left(query)}`);

console.log('somebody else holds the only connection, so the query waits, and gives up at its deadline');
const somebodyElse = database.execute(() => sleep(300));
try {
  await database.execute(() => console.log('never printed'), query);
} catch (error) {
  if (!isRejected(error)) throw error;
  console.log(`${error.code} at ${database.stats().queued} waiting: the place in the queue is free again`);
}
await somebodyElse;

const other = new RequestContext({ timeoutMs: 1000 });
other.onDone((reason) => console.log(`told on cancel: ${isRejected(reason) ? reason.code : reason}`));
console.log('a caller that hangs up cancels everything below it');
other.cancel();
console.log(`its child is over before it began: ${other.child({}).done}`);
