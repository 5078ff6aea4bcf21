#!/usr/bin/env python3
"""Writes src/tokenizer/unicode_tables.rs: the character classes of the reference tokenizer.

Calls the reference with one Unicode scalar value at a time, so the tables have exactly its Unicode
version. Made with tokenizers 0.23.3.

Use: python testdata/tokenizer/make_unicode_tables.py > src/tokenizer/unicode_tables.rs
"""

from tokenizers import normalizers, pre_tokenizers

SCALARS = [i for i in range(0x110000) if not 0xD800 <= i < 0xE000]


def bert_normalizer(**on):
    steps = dict(clean_text=False, handle_chinese_chars=False, strip_accents=False, lowercase=False)
    return normalizers.BertNormalizer(**{**steps, **on}).normalize_str


clean = bert_normalizer(clean_text=True)
strip_accents = bert_normalizer(strip_accents=True)
nfd = normalizers.NFD().normalize_str
pre_tokenize = pre_tokenizers.BertPreTokenizer().pre_tokenize_str


def is_removed(c):
    return clean("a" + c + "b") == "ab"


def is_punctuation(c):
    return len(pre_tokenize("a" + c + "b")) == 3


def is_nonspacing_mark(c):
    return strip_accents("a" + c + "b") == "ab" and nfd(c) == c


def decomposes_or_reorders(c):
    # Classes run from 1 (U+0334) to 240 (U+0345): any other class moves past one of the two.
    return (
        nfd(c) != c
        or nfd("a" + c + "\u0334") != "a" + c + "\u0334"
        or nfd("a\u0345" + c) != "a\u0345" + c
    )


def ranges(predicate):
    found = []
    for i in SCALARS:
        if predicate(chr(i)):
            if found and found[-1][1] == i - 1:
                found[-1][1] = i
            else:
                found.append([i, i])
    return found


def write(name, documentation, predicate):
    found = ranges(predicate)
    print()
    for line in documentation.split("\n"):
        print("///", line)
    print("#[rustfmt::skip]")
    print(f"pub(super) const {name}: &[(u32, u32)] = &[")
    line = "   "
    for first, last in found:
        item = f" (0x{first:x}, 0x{last:x}),"
        if len(line) + len(item) > 100:
            print(line)
            line = "   "
        line += item
    print(line)
    print("];")


print(
    """//! The character classes of the reference tokenizer, as sorted, inclusive ranges.
//!
//! Written by `testdata/tokenizer/make_unicode_tables.py` (tokenizers 0.23.3), not by hand. The
//! reference was built with tables of about Unicode 8: newer characters are in none of its classes,
//! and a few have changed class since. Ids must not change when a Unicode crate is updated, so the
//! ranges are pinned here."""
)
write(
    "REMOVED",
    "The characters that `clean_text` drops: U+0000, U+FFFD and the control, format and private-use characters, but\n"
    "not tab, line feed and carriage return.",
    is_removed,
)
write(
    "PUNCTUATION",
    "The characters that are words by themselves: every ASCII character that is not a letter, a digit,\n"
    "a space or a control character, and the categories P*.",
    is_punctuation,
)
write("NONSPACING_MARKS", "The characters that stripping accents drops: category Mn.", is_nonspacing_mark)
write(
    "DECOMPOSED_OR_REORDERED",
    "The characters that canonical decomposition (NFD) changes or reorders.",
    decomposes_or_reorders,
)
