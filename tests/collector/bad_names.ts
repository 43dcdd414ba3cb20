/** What agents must not call a source. */
export const BAD_NAMES = [
  // nothing, and too much
  ...["", "x".repeat(129), "x".repeat(100_000)],
  // other directories, and hidden files
  ...["..", ".", "../", "../../etc/passwd", "a/../b", ".hidden", "..a", "a/b", "/a", "a/", "a\\b", "C:", "~"],
  // what a decoder behind us could make a slash of
  ...["%2e%2e", "a%2fb", "%", "a%00"],
  // what ends a name, or a line
  ...["\0", "a\0", "a\n", "\na", "a\r", "a\nb", "a\u2028", "a ", " a", "a b", "\t", "a\x1b[2J"],
  // options, patterns, expansions
  ...[
    "-rf",
    "_a",
    "*",
    "a*",
    "a?",
    "$HOME",
    "a;b",
    "a|b",
    "`a`",
    "a'",
    'a"',
    "a,b",
    "a:b",
    "a@b",
    "a+b",
    "a=b",
    "{a}",
  ],
  // letters that are none to a file system, or to another one a different letter: Cyrillic e, full-width a, long s, Kelvin
  ...[
    "ä",
    "aä",
    "日本",
    "\u0435",
    "\uff41",
    "a\u0301",
    "😀",
    "\ud800",
    "a\u200b",
    "\ufeffa",
    "\u017f",
    "\u212a",
    "\u0663",
  ],
];
