/** Where a program says what an operator can act on. One line each; never waits for its reader. */
export interface Log {
  info(message: string): void;
  warn(message: string): void;
  error(message: string): void;
}
