import type { Reporter, TestModule } from 'vitest/node';

/** Prints every skipped test with its reason: vitest's own reporter only counts them. */
export default class SummaryReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[]): void {
    for (const module of modules) {
      for (const test of module.children.allTests('skipped')) {
        const result = test.result();
        const note = 'note' in result ? result.note : undefined;
        console.log(` Skipped  ${test.fullName}: ${note ?? 'no reason given'}`);
      }
    }
  }
}
