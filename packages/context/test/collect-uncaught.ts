import { onTestFinished } from 'vitest';

/** Collects the uncaught exceptions of the process until the test ends. */
export function collectUncaught(): unknown[] {
  const uncaught: unknown[] = [];
  process.setUncaughtExceptionCaptureCallback((error) => uncaught.push(error));
  onTestFinished(() => process.setUncaughtExceptionCaptureCallback(null));
  return uncaught;
}
