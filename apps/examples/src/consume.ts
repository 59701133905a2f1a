import { Readable } from 'node:stream';
import { WorkerPool } from '@bp/worker-pool';

const pool = new WorkerPool({ name: 'thumbnails', workers: 2 });

let made = 0;
let ahead = 0;

/** Yields pages; a page is made only when the pool pulls it. */
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

console.log('the pool pulls the next page only when one of its two workers is free');
const drawn = await pool.consume(pages(), thumbnail);
console.log(`${drawn} pages drawn, at most ${ahead} made and not yet done`);

console.log('a Node stream is pulled in the same way, so its source waits as well');
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
