import { isRejected } from '@bp/core';
import { WorkerPool } from '@bp/worker-pool';

// Two workers and a queue of three: of six jobs at once the sixth is rejected.
const pool = new WorkerPool({ name: 'thumbnails', workers: 2, maxQueue: 3 });

async function job(name: string): Promise<string> {
  console.log(`  ${name} runs`);
  await new Promise((resolve) => setTimeout(resolve, 50));
  return `${name} is done`;
}

async function submit(name: string, priority = 0): Promise<void> {
  try {
    console.log(await pool.submit(() => job(name), { priority }));
  } catch (error) {
    if (!isRejected(error)) throw error;
    console.log(`${name} rejected: ${error.code}, retry in ${Math.ceil(error.retryAfterMs ?? 0)} ms`);
  }
}

console.log('one job first: the pool has no estimate until a job ends');
await submit('first');

console.log('six jobs at once: two run, three wait, one is rejected with the time to serve the backlog');
const jobs = ['a', 'b', 'c', 'd', 'e', 'f'].map((name) => submit(name));

console.log('a job with a higher priority evicts the newest waiting job, whose caller gets a rejection');
jobs.push(submit('urgent', 1));

await Promise.all(jobs);
await pool.close();
const { completed } = pool.stats();
console.log(`the pool is closed, ${completed} jobs completed and every other caller got a rejection`);
