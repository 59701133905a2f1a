import type { Unsubscribe } from '@bp/core';
import type { Budget, BudgetChange } from '../budget.ts';
import { Changes } from '../changes.ts';

type ChangeListener = (change: BudgetChange) => void;

/** The change listeners of a keyed limiter: of all keys, or of one. */
export class KeyChanges {
  /** Changes that concern every key, the parent's included. */
  readonly #common: Changes;
  readonly #anyKey: Changes;
  /** Only keys with listeners. */
  readonly #byKey = new Map<string, Changes>();

  constructor(parent: Budget | undefined) {
    this.#common = new Changes(parent === undefined ? [] : [parent]);
    this.#anyKey = new Changes([this.#common]);
  }

  /** Calls `listener` for the changes of every key. */
  onChange(listener: ChangeListener): Unsubscribe {
    return this.#anyKey.onChange(listener);
  }

  /** Calls `listener` for the changes that concern `key`. */
  onKeyChange(key: string, listener: ChangeListener): Unsubscribe {
    let changes = this.#byKey.get(key);
    if (changes === undefined) {
      changes = new Changes([this.#common]);
      this.#byKey.set(key, changes);
    }
    const unsubscribe = changes.onChange(listener);
    return () => {
      unsubscribe();
      if (changes.isEmpty && this.#byKey.get(key) === changes) this.#byKey.delete(key);
    };
  }

  /** Notifies all listeners. */
  emit(change: BudgetChange): void {
    this.#common.emit(change);
  }

  /** Notifies the listeners of `key` and the ones of all keys. */
  emitKey(key: string, change: BudgetChange): void {
    this.#byKey.get(key)?.emit(change);
    this.#anyKey.emit(change);
  }
}
