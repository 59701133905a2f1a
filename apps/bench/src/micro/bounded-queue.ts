import { BoundedQueue, PriorityQueue } from '@bp/bounded-queue';
import Denque from 'denque';
import { compare } from './compare.ts';

const DEPTH = 1000;
const BATCH = 1000;

const queue = new BoundedQueue<number>({ capacity: 2 * DEPTH });
const priority = new PriorityQueue<number>({ capacity: 2 * DEPTH });
const denque = new Denque<number>();
const array: number[] = [];
const ring = { slots: new Array<number | undefined>(2048), head: 0, tail: 0 };
for (let i = 0; i < DEPTH; i++) {
  queue.tryPush(i);
  priority.tryPush(i);
  denque.push(i);
  array.push(i);
  ring.slots[ring.tail++ & 2047] = i;
}

const times = (pushAndPop: (i: number) => void) => (): void => {
  for (let i = 0; i < BATCH; i++) pushAndPop(i);
};

export const answers = await compare({
  title: `${BATCH} times push and pop at depth ${DEPTH}`,
  baseline: 'a ring by hand',
  contenders: {
    'a ring by hand': times((i) => {
      ring.slots[ring.tail++ & 2047] = i;
      ring.slots[ring.head++ & 2047] = undefined;
    }),
    '@bp BoundedQueue': times((i) => {
      queue.tryPush(i);
      queue.tryTake();
    }),
    '@bp PriorityQueue': times((i) => {
      priority.tryPush(i);
      priority.tryTake();
    }),
    denque: times((i) => {
      denque.push(i);
      denque.shift();
    }),
    'Array push and shift': times((i) => {
      array.push(i);
      array.shift();
    }),
  },
});
