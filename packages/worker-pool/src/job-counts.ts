/** Counts the jobs of a pool. A job that was admitted and has neither completed nor failed is running. */
export class JobCounts {
  admitted = 0;
  completed = 0;
  failed = 0;
}
