export { bindContext, currentContext, runWithContext, tryCurrentContext } from './storage.ts';
