/** How long answers to one kind of event took. */
export interface AnswerFigures {
  readonly count: number;
  /** Over 100 ms. */
  readonly slow: number;
  readonly worstMs: number;
}

const SLOW_MS = 100;
const NONE: AnswerFigures = { count: 0, slow: 0, worstMs: 0 };

/** Measures the answers to the runtime, by the name of the event. */
export class Answers {
  readonly #figures = new Map<string, AnswerFigures>([
    ["StartContainer", NONE],
    ["StopContainer", NONE],
  ]);

  add(event: string, tookMs: number): void {
    const { count, slow, worstMs } = this.#figures.get(event) ?? NONE;
    this.#figures.set(event, {
      count: count + 1,
      slow: slow + (tookMs > SLOW_MS ? 1 : 0),
      worstMs: Math.max(worstMs, tookMs),
    });
  }

  snapshot(): Readonly<Record<string, AnswerFigures>> {
    return Object.fromEntries(this.#figures);
  }
}
