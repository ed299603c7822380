/**
 * Whether the whole text is what the pattern says: `*` is any run of characters, also of slashes and of none, `?` is one,
 * everything else is itself. Only the last `*` is ever tried again, so that the time is at most the product of both
 * lengths, whatever the pattern.
 */
export function matchesGlob(glob: string, text: string): boolean {
  let at = 0;
  let star = -1;
  /** Where the text behind what the last star has taken begins. */
  let resume = 0;
  let position = 0;
  while (position < text.length) {
    // Before the comparison: the text may have a star of its own.
    if (glob[at] === "*") {
      star = at++;
      resume = position;
    } else if (at < glob.length && (glob[at] === "?" || glob[at] === text[position])) {
      at++;
      position++;
    } else if (star >= 0) {
      at = star + 1;
      position = ++resume;
    } else {
      return false;
    }
  }
  while (glob[at] === "*") at++;
  return at === glob.length;
}
