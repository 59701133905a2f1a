import { setTimeout as sleep } from 'node:timers/promises';
import { systemClock } from '@bp/core';
import { backpressure } from '@bp/fastify';
import { createRetryingFetch } from '@bp/retry';
import { WorkerPool } from '@bp/worker-pool';
import Fastify from 'fastify';

// A hundred clients call a server at once that serves a hundred requests a second and queues ten. Naive clients retry at once.
// Polite clients follow Retry-After, each with a retry budget of its own, as separate processes have. Both have the same number
// of attempts and the same deadline.
const CLIENTS = 100;
const MAX_ATTEMPTS = 20;
const TIMEOUT_MS = 15_000;

/** Makes attempts until one succeeds. Resolves to whether that was before the deadline. */
type Client = (url: string, deadline: number) => Promise<boolean>;

/** Retries at once, like a loop around `fetch`. */
const naive: Client = async (url, deadline) => {
  for (let attempt = 1; attempt <= MAX_ATTEMPTS && systemClock.now() < deadline; attempt++) {
    const answer = await fetch(url);
    await answer.arrayBuffer();
    if (answer.ok) return systemClock.now() <= deadline;
  }
  return false;
};

/** Follows Retry-After while its retry budget lasts. */
const polite: Client = async (url, deadline) => {
  await using retryingFetch = createRetryingFetch({ maxAttempts: MAX_ATTEMPTS });
  const answer = await retryingFetch(url, {}, { deadline });
  await answer.arrayBuffer();
  return answer.ok && systemClock.now() <= deadline;
};

async function measure(client: Client) {
  await using pool = new WorkerPool({ name: 'answers', workers: 4, maxQueue: 10 });
  const app = Fastify();
  await app.register(backpressure, { load: { sources: [pool], eventLoop: false }, deadline: {} });
  let requests = 0;
  let rejections = 0;
  app.addHook('onResponse', async (_, reply) => {
    requests++;
    if (reply.statusCode !== 200) rejections++;
  });
  app.get('/', ({ backpressure: context }) => pool.submit(() => sleep(40, 'answer'), context));
  const url = await app.listen({ port: 0, host: '127.0.0.1' });
  // The pool has no estimate until its first job ends.
  await pool.submit(() => sleep(40));

  const start = systemClock.now();
  let served = 0;
  let lastMs = 0;
  await Promise.all(
    Array.from({ length: CLIENTS }, async () => {
      if (!(await client(url, start + TIMEOUT_MS).catch(() => false))) return;
      served++;
      lastMs = systemClock.now() - start;
    }),
  );
  await app.close();
  return {
    'requests sent': requests,
    'answers in time': served,
    rejections,
    'requests per answer': (requests / served).toFixed(1),
    amplification: (requests / CLIENTS).toFixed(1),
    'all served after': served === CLIENTS ? `${(lastMs / 1000).toFixed(1)} s` : 'never',
  };
}

console.log(
  `${CLIENTS} clients want one answer each, within ${TIMEOUT_MS / 1000} s and ${MAX_ATTEMPTS} attempts`,
);
const results = { naive: await measure(naive), polite: await measure(polite) };
console.log('naive: retries at once, no budget; polite: follows Retry-After, one budget per client');
console.log(`${''.padEnd(20)}${'naive'.padStart(10)}${'polite'.padStart(10)}`);
for (const [what, value] of Object.entries(results.naive)) {
  const other = results.polite[what as keyof typeof results.polite];
  console.log(`${what.padEnd(20)}${String(value).padStart(10)}${String(other).padStart(10)}`);
}
