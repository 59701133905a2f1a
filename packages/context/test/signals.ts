import { getEventListeners } from 'node:events';

/** How many listen to `signal`. */
export const listenersOn = (signal: AbortSignal): number => getEventListeners(signal, 'abort').length;
