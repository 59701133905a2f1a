import type { RejectedError } from '@bp/core';
import type { Job } from './job.ts';

/** All jobs whose promises were given out and have not ended. A linked list: nothing is cheaper to enter and to leave. */
export class Unfinished {
  #first: Job<unknown> | undefined;

  add(job: Job<unknown>): void {
    job.next = this.#first;
    if (this.#first !== undefined) this.#first.previous = job;
    this.#first = job;
  }

  /** Does nothing for one that was removed before. */
  remove(job: Job<unknown>): void {
    if (job.previous !== undefined) job.previous.next = job.next;
    else if (this.#first === job) this.#first = job.next;
    if (job.next !== undefined) job.next.previous = job.previous;
    job.previous = undefined;
    job.next = undefined;
  }

  /** Rejects them all, each with a rejection of its own. */
  rejectAll(rejection: () => RejectedError): void {
    for (let job = this.#first; job !== undefined; job = this.#first) job.fail(rejection());
  }
}
