/** An AbortController whose signal counts the listeners it has. */
export interface CountedController {
  readonly controller: AbortController;
  readonly signal: AbortSignal;
  readonly listeners: number;
}

export function countedController(): CountedController {
  const controller = new AbortController();
  const { signal } = controller;
  const { addEventListener, removeEventListener } = signal;
  let listeners = 0;
  signal.addEventListener = (...args: Parameters<typeof addEventListener>) => {
    listeners++;
    addEventListener.apply(signal, args);
  };
  signal.removeEventListener = (...args: Parameters<typeof removeEventListener>) => {
    listeners--;
    removeEventListener.apply(signal, args);
  };
  return {
    controller,
    signal,
    get listeners() {
      return listeners;
    },
  };
}
