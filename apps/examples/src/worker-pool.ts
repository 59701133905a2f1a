import { isRejected } from '@bp/core';
import { WorkerPool } from '@bp/worker-pool';

// Two workers and room for three jobs to wait: the sixth job at once is one too many.
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
    console.log(`${name} rejected: ${error.code}, ask again in ${Math.ceil(error.retryAfterMs ?? 0)} ms`);
  }
}

console.log('one job first, so that the pool knows how long a job takes');
await submit('first');

console.log('six jobs at once: two run, three wait, one is rejected and told how long the backlog takes');
const jobs = ['a', 'b', 'c', 'd', 'e', 'f'].map((name) => submit(name));

console.log('a more important job comes: the newest of the waiting ones makes room and is told');
jobs.push(submit('urgent', 1));

await Promise.all(jobs);
await pool.close();
const { completed } = pool.stats();
console.log(`the pool is closed, ${completed} jobs completed, nothing was lost in silence`);
