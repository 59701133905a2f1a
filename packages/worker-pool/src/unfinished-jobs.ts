import type { RejectedError } from '@bp/core';
import type { Job } from './job.ts';

/** The jobs whose promises have not settled: a doubly linked list, so that entering and leaving cost O(1) and no allocation. */
export class UnfinishedJobs {
  #first: Job | undefined;

  add(job: Job): void {
    job.next = this.#first;
    if (this.#first !== undefined) this.#first.previous = job;
    this.#first = job;
  }

  /** Removes a job; a no-op if it was removed before. */
  remove(job: Job): void {
    if (job.previous !== undefined) job.previous.next = job.next;
    else if (this.#first === job) this.#first = job.next;
    if (job.next !== undefined) job.next.previous = job.previous;
    job.previous = undefined;
    job.next = undefined;
  }

  /** Rejects all of them, each with a rejection of its own. */
  rejectAll(rejection: () => RejectedError): void {
    for (let job = this.#first; job !== undefined; job = this.#first) job.fail(rejection());
  }
}
