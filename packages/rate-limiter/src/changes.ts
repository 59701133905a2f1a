import type { Unsubscribe } from '@bp/core';
import { neverThrowing } from '@bp/core/kit';
import type { Budget, BudgetChange } from './budget.ts';

type ChangeListener = (change: BudgetChange) => void;

/**
 * Notifies the change listeners of a budget, also of the changes of the budgets that it is made of. It subscribes to these only
 * while it has listeners itself, so a long-lived budget keeps no short-lived one alive.
 */
export class Changes {
  readonly #sources: readonly Pick<Budget, 'onChange'>[];
  readonly #listeners = new Set<ChangeListener>();
  #unsubscribes: readonly Unsubscribe[] = [];

  constructor(sources: readonly Pick<Budget, 'onChange'>[] = []) {
    this.#sources = sources;
  }

  /** Whether there is no listener. */
  get isEmpty(): boolean {
    return this.#listeners.size === 0;
  }

  /** Calls `listener` for every change of the budget and of its sources. */
  onChange(listener: ChangeListener): Unsubscribe {
    const own = neverThrowing(listener, () => {});
    this.#listeners.add(own);
    if (this.#listeners.size === 1) {
      this.#unsubscribes = this.#sources.map((source) => source.onChange((change) => this.emit(change)));
    }
    return () => {
      if (!this.#listeners.delete(own) || this.#listeners.size > 0) return;
      for (const unsubscribe of this.#unsubscribes) unsubscribe();
      this.#unsubscribes = [];
    };
  }

  /** Notifies the listeners that are there now. */
  emit(change: BudgetChange): void {
    if (this.#listeners.size === 0) return;
    for (const listener of [...this.#listeners]) {
      // An earlier listener may have removed it.
      if (this.#listeners.has(listener)) listener(change);
    }
  }
}
