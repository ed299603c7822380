import { constants } from "node:os";

/** What others ask of the plugin by: to tell its status, to open its log anew. By default either ends the process. */
const signals = ["SIGUSR1", "SIGHUP"] as const;

type AskingSignal = (typeof signals)[number];

/**
 * Hears the signals that ask something of the plugin, from its construction to the end of the process. One that comes
 * before anybody can answer it is kept, and answered then.
 */
export class PluginSignals {
  readonly #kept = new Set<AskingSignal>();
  readonly #answers = new Map<AskingSignal, () => void>();

  constructor() {
    for (const signal of signals) process.on(signal, () => this.#hear(signal));
  }

  /** The numbers of those that wait for an answer. */
  get kept(): readonly number[] {
    return [...this.#kept].map((signal) => constants.signals[signal]);
  }

  /** Says what a signal does from now on; does it at once when one has come already. */
  answer(signal: AskingSignal, act: () => void): void {
    this.#answers.set(signal, act);
    if (this.#kept.delete(signal)) act();
  }

  #hear(signal: AskingSignal): void {
    const answer = this.#answers.get(signal);
    if (answer === undefined) this.#kept.add(signal);
    else answer();
  }
}
