import { Readable } from 'node:stream';
import { WorkerPool } from '@bp/worker-pool';

const pool = new WorkerPool({ name: 'thumbnails', workers: 2 });

let made = 0;
let ahead = 0;

/** Pages without end: only what is asked for is ever made. */
function* pages(): Generator<number, void, void> {
  while (made < 6) {
    console.log(`  page ${++made} is made`);
    yield made;
  }
}

async function thumbnail(page: number | string): Promise<void> {
  ahead = Math.max(ahead, made - pool.stats().completed);
  await new Promise((resolve) => setTimeout(resolve, 30));
  console.log(`thumbnail of ${page}`);
}

console.log('a generator is asked for its next page only when one of the two workers is free for it');
const drawn = await pool.consume(pages(), thumbnail);
console.log(`${drawn} pages drawn, never more than ${ahead} made and not yet done`);

console.log('so is a Node stream, whose source then waits as well');
let read = 0;
const stream = new Readable({
  objectMode: true,
  highWaterMark: 1,
  read() {
    this.push(++read <= 4 ? `chunk ${read}` : null);
  },
});
console.log(`${await pool.consume(stream, thumbnail)} chunks drawn`);
await pool.close();
