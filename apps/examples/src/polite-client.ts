import { setTimeout as sleep } from 'node:timers/promises';
import { systemClock } from '@bp/core';
import { backpressure } from '@bp/fastify';
import { createRetryingFetch } from '@bp/retry';
import { WorkerPool } from '@bp/worker-pool';
import Fastify from 'fastify';

// A hundred clients come at once to a server that can answer a hundred a second and lets few wait. Both kinds have the same
// number of tries and the same time. The naive ones wait for nothing and have no budget. The polite ones wait as they are
// told, and each has a retry budget of its own, as a process would: what differs is when they come back, and no budget
// that a hundred share bounds how often.
const CLIENTS = 100;
const MAX_ATTEMPTS = 20;
const TIMEOUT_MS = 15_000;

/** What a client does to get its answer; true if it got it in time. */
type Client = (url: string, deadline: number) => Promise<boolean>;

/** Tries again at once, as loops around `fetch` do. */
const naive: Client = async (url, deadline) => {
  for (let attempt = 1; attempt <= MAX_ATTEMPTS && systemClock.now() < deadline; attempt++) {
    const answer = await fetch(url);
    await answer.arrayBuffer();
    if (answer.ok) return systemClock.now() <= deadline;
  }
  return false;
};

/** Comes back when it is told to, as long as its own budget, with the defaults, pays for it. */
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
  // A pool that has never run anything cannot say how long others will wait.
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
  `${CLIENTS} clients want one answer each, within ${TIMEOUT_MS / 1000} s and ${MAX_ATTEMPTS} tries`,
);
const results = { naive: await measure(naive), polite: await measure(polite) };
console.log('at once: no wait and no budget; as told: waits for Retry-After, a budget for each client');
console.log(`${''.padEnd(20)}${'at once'.padStart(10)}${'as told'.padStart(10)}`);
for (const [what, value] of Object.entries(results.naive)) {
  const other = results.polite[what as keyof typeof results.polite];
  console.log(`${what.padEnd(20)}${String(value).padStart(10)}${String(other).padStart(10)}`);
}
