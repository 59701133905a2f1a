import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

/** One configuration for every project: sources instead of builds, no globals, no faked timers. */
export default defineConfig({
  resolve: { conditions: ['@bp/source'] },
  ssr: { resolve: { conditions: ['@bp/source', 'node', 'import', 'default'] } },
  test: {
    include: ['test/**/*.test.ts'],
    root: process.cwd(),
    pool: 'forks',
    reporters: ['default', fileURLToPath(new URL('summary-reporter.ts', import.meta.url))],
    // Bounds for what hangs, not for how fast a machine must be.
    testTimeout: 120_000,
    hookTimeout: 60_000,
    execArgv: ['--expose-gc', '--conditions=@bp/source'],
  },
});
