/** What has become of the jobs of a pool. Jobs that run now are those started that neither completed nor failed. */
export class Tally {
  started = 0;
  completed = 0;
  failed = 0;
}
