/** What leads out of a folder, into another file, or astray in a log. One character a byte: not all is UTF-8. */
const PIECES: readonly string[] = [
  ...["..", "/", "../", "/..", "./", "//", ":", "@", ".", "-", "_", "\\", "..\\", "%2e%2e%2f", "%00", "~"],
  ...["\0", "\n", "\r\n", "\t", "\x1b[31m", "\x7f", " ", '"', "'", "`", "$(id)", "{}", "*", "?", "["],
  ...["\xff", "\xc0\xae\xc0\xae/", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xe2\x80"], // no UTF-8
  ...["é", "／", "．．", "\u202e", "\u0000", "𝒩", "\u2028"].map(utf8),
  ...[".csv", ".json", ":1.csv", ":1.json", ".csv.json", ".optimizer-", ".new", "_unnamed", "_workloads"],
  ...["canary", "/etc/passwd", "/proc/self/root/", "library/", "docker.io/", "localhost:5000/", "@sha256:"],
];

const DIGEST = `sha256:${"0123456789abcdef".repeat(4)}`;

const VALID: readonly string[] = [
  ...["nginx", "nginx:latest", "docker.io/library/nginx:1.27", "ghcr.io/org/app:1", "localhost:5000/a/b:2"],
  ...[`app@${DIGEST}`, `org/app:v1@${DIGEST}`, DIGEST, DIGEST.slice(7), "[::1]:5000/app", "EXAMPLE.com/x"],
  ...["a/b/c/d/e/f/g/h:1", "x--y__z.w:_.-", "index.docker.io/library/x", "localhost/x"],
  ...[
    `${"a".repeat(200)}:${"b".repeat(128)}`,
    `${"a/".repeat(2000)}a:1`,
    `${"a/".repeat(120)}a:1`,
    `${"a".repeat(255)}`,
  ],
];

const ALPHABET = "abcXYZ019";
const LONG = 65_536;
const PLACES = ["canary", "tmp/x", "etc/passwd", "lists", "a:1", ""];

/** Makes hostile text from random numbers, which `next` gives from 0 to 1. */
export class HostileText {
  readonly #next: () => number;

  constructor(next: () => number) {
    this.#next = next;
  }

  /** An image reference, or what stands in its place. */
  reference(): string {
    return this.oneOf<() => string>([
      () => this.#valid(),
      () => this.#mutated(this.#valid()),
      () => this.#mutated(this.#valid()),
      () => this.#wayOut(),
      () => this.#soup(":@/.-_", 12),
      () => this.word(),
    ])();
  }

  /** A name, a label or a value. */
  word(): string {
    return this.oneOf<() => string>([
      () => "",
      () => this.#plain(),
      () => this.#mutated(this.#plain()),
      () => this.#wayOut(),
      () => this.#pieces(),
      () => this.#bytes(),
      () => (this.#next() < 0.02 ? this.#long() : this.#pieces()),
    ])();
  }

  /** The path of a cgroup, or systemd's form of one. */
  cgroupsPath(): string {
    return this.oneOf<() => string>([
      () => `/${this.#wayOut()}`,
      () => `${this.#plain()}.slice:cri-containerd:${this.word()}`,
      () => `${this.word()}.slice:${this.word()}:${this.word()}`,
      () => `/kubepods/${this.#mutated(this.#plain())}`,
      () => this.word(),
    ])();
  }

  /** Some keys and values, seldom very many. */
  map(): [string, string][] {
    const count = this.#next() < 0.005 ? 2000 : this.#below(4);
    return Array.from({ length: count }, (_, index) => [`${index}${this.#pieces()}`, this.#pieces()]);
  }

  /** One of an array that is not empty. */
  oneOf<T>(values: readonly T[]): T {
    const value = values[this.#below(values.length)];
    if (value === undefined) throw new Error("Nothing to choose from");
    return value;
  }

  #valid(): string {
    return this.#next() < 0.5 ? this.oneOf(VALID) : `${this.#plain().toLowerCase()}/app:${this.#plain()}`;
  }

  /** Changes a text in one to four places. */
  #mutated(text: string): string {
    let result = text;
    for (let edits = 1 + this.#below(4); edits > 0; edits--) {
      const at = this.#below(result.length + 1);
      const after = this.#next() < 0.5 ? at : at + 1 + this.#below(3);
      result = result.slice(0, at) + this.oneOf(PIECES) + result.slice(after);
    }
    return result;
  }

  #wayOut(): string {
    const up = this.oneOf(["../", "..//", ".././", "a/../../", "/..", "..\\", "%2e%2e/"]);
    const tag = this.oneOf(["", ":latest", ":1", "\0", "\0.csv", "\n", `@${DIGEST}`]);
    return up.repeat(this.#below(9)) + this.oneOf(PLACES) + tag;
  }

  #plain(): string {
    return this.#soup(ALPHABET, 8);
  }

  #soup(alphabet: string, length: number): string {
    return Array.from({ length: 1 + this.#below(length) }, () => this.oneOf([...alphabet])).join("");
  }

  #pieces(): string {
    return Array.from({ length: 1 + this.#below(5) }, () => this.oneOf(PIECES)).join("");
  }

  #bytes(): string {
    return String.fromCharCode(...Array.from({ length: 1 + this.#below(20) }, () => this.#below(256)));
  }

  #long(): string {
    return this.oneOf(["a", "../", "a/", ":", "\xff", "\n", utf8("é")])
      .repeat(LONG)
      .slice(0, LONG);
  }

  #below(limit: number): number {
    return Math.floor(this.#next() * limit);
  }
}

/** The bytes of a text in UTF-8, one character each. */
export function utf8(text: string): string {
  return Buffer.from(text).toString("latin1");
}
