export { currentContext, runWithContext, tryCurrentContext } from './storage.ts';
