#!/usr/bin/env python3
"""Writes the fixtures of tests/tokenizer.rs into its own directory: the answers of the reference tokenizer.

Made with tokenizers 0.23.3 on Python 3.11 (Unicode 14). We wrote every line of text ourselves.

  vocab.txt                 a tiny vocabulary
  encodings.json            lines of text; ids and byte offsets, uncased and cased
  scalars.json              a hash of the output for each block of 4,096 code points
  training.json             counted words, and the merges that the reference learns from them

Use: python testdata/tokenizer/make_fixtures.py
"""

import json
import pathlib
import unicodedata

from tokenizers import BertWordPieceTokenizer, normalizers, pre_tokenizers

HERE = pathlib.Path(__file__).parent
SPECIAL_TOKENS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]


def write_json(name, value):
    (HERE / name).write_text(json.dumps(value, ensure_ascii=True, indent=1) + "\n")


# vocab.txt: all characters that the lines below need, so that few words are [UNK], and some pieces.

PIECES = """the fox dog cat mat un ##able ##ing ##ed jump ##s play ##er nai ##ve ca ##fe stra ##sse
istanbul ##bul Istanbul Café caf München mun ##chen don it on over quick brown hel ##lo world mask
naïve ##ïve""".split()
CHARACTERS = (
    [chr(i) for i in range(0x21, 0x7F)]
    + list("éèüßøłþœæµßſıIİσςΣДдйи")
    + list("中文字日本語東京")
    + [chr(0x1112), chr(0x1161), chr(0x11AB), "ᄀ", "ᅡ", "한", "가", "ก", "า", "न", "म", "स", "त"]
    + ["…", "—", "“", "”", "£", "€", "×", "²", "ﬁ", "ﬀ", "Ⅷ", "ⅷ", "♥", "😀", "豈", "\u3002", "、"]
    + ["\u0302", "\u0301", "\u0307", "\u0323", "\u302e", "\u0e48", "\u094d", "\u1df6", "\u0345"]
    + ["\u2e4f", "\U0001d165", "\U00020000", "\U0002b820", "\U0002b920", "\u200d\u200d"]
)


def make_vocabulary():
    tokens = list(SPECIAL_TOKENS)
    for token in CHARACTERS + ["##" + c for c in CHARACTERS] + PIECES:
        if token not in tokens:
            tokens.append(token)
    (HERE / "vocab.txt").write_text("".join(token + "\n" for token in tokens))


# encodings.json: every class of case where a tokenizer could differ from the reference.

LINES = {
    "plain": "The quick brown fox jumps over the lazy dog.",
    "contractions and symbols": "Don't stop -- it's 100% \"un-able\", e.g. a_b+c=d/e {x} <y> ~ `z` ^ | \\ $5",
    "unknown words": "qxz fox ☃☃ dog☃",
    "accents, composed and not": "Café cafe\u0301 naïve nai\u0308ve München MU\u0308NCHEN éÈÜ",
    "letters with strokes and ligatures": "Straße STRAẞE øł þœæ ﬁ ﬀ ſ µ Ⅷ",
    "dotted and dotless i": "İstanbul Istanbul ISTANBUL ıI iİ",
    "sigmas": "ΣΑΣ σας ΟΔΟΣ",
    "Cyrillic with breve": "Дд ДДЙй",
    "Greek with iota subscript": "ᾳ ᾼ ΐ Ά",
    "kinds of whitespace": "the\u00a0fox\u2003dog\u3000cat\tmat\u2028the\u2029fox\u1680dog\u202fcat",
    "line breaks": "the\nfox\r\ndog\rcat\u0085mat\u000bthe\u000cfox",
    "control characters": "the\u0000fox\u0001 d\u0007og\u007f c\u0080at\ufffd",
    "format characters": "the\u200bfox the\u200cfox\u200d \ufeffdog\u00ad\u2060 \u202ecat\u2066 \u180emat",
    "private use and noncharacters": "the\ue000fox\U000f0000 dog\ufdd0\uffff cat\U0010fffd",
    "formats newer than the tables": "the\u0890fox the\u08e2fox \U00013430dog",
    "Chinese between Latin": "the中文fox 中文字。東京、a",
    "ideographs of the extensions": "a\u3400b\U00020000c\U0002a700d\U0002b740e",
    "the gap in the CJK blocks": "a\U0002b820b a\U0002b91fb a\U0002b920b",
    "compatibility ideographs": "豈a更 b\U0002f800c",
    "kana and fullwidth": "日本語の東京 カタカナ ＡＢＣ１２３！ ｶﾞ",
    "Hangul, composed and not": "한가 \u1112\u1161\u11ab 가나다",
    "Thai": "กาก\u0e48า กำ",
    "Devanagari": "नम\u0938\u094dत\u0947",
    "Hebrew and Arabic points": "\u05e9\u05c1\u05b8 \u0645\u064f\u062d \u0622",
    "marks to be reordered": "a\u0301\u0323 a\u0323\u0301 e\u0302\u0301\u0327b",
    "marks that stay and are reordered": "a\u302e\U0001d165b a\U0001d165\u302eb a\u302e\u0301\U0001d165b",
    "marks newer than the tables": "a\u1df6b a\u1df6\u0301b a\u0301\u1df6b \u0e3a\u1df6",
    "a mark that decomposes": "a\u0344b \u0344 a\u0f73b",
    "marks alone": "\u0301 \u0301\u0302 a \u0301b",
    "musical symbols that decompose": "\U0001d15e \U0001d160a",
    "punctuation by Unicode": "the…fox—dog “cat” ‘mat’ «a» ¿b? ¡c! d·e §f ¶g ‿h",
    "punctuation newer than the tables": "the\u2e4ffox \u061dfox \u2e52a\u2e5d",
    "symbols are not punctuation": "a£b €5 a×b a²b c° ©d ♥e",
    "ASCII symbols are": "a$b <c> d+e =f ^g `h |i ~j",
    "emoji": "the 😀fox 👨\u200d👩\u200d👧 ❤\ufe0f 🏳\ufe0f\u200d🌈 1\ufe0f\u20e3",
    "special tokens": "[CLS] the [MASK] fox[MASK]dog [SEP][SEP] [PAD][UNK]",
    "special tokens in other case or cut up": "[mask] [Mask] [ MASK ] [MAS\u200bK] [MASK [MASK]] [[MASK]",
    "special tokens next to marks": "e\u0301[MASK]\u0301e a[SEP]\u0323b",
    "a word of 100 letters": "a" * 100 + " fox",
    "a word of 101 letters": "a" * 101 + " fox",
    "101 letters before marks are stripped": "a" * 99 + "e\u0301 " + "a" * 100 + "\u0301 " + "e\u0301" * 101,
    "a word with an unknown end": "foxes foxés unablex☃ ##able ##ing",
    "nothing": "",
    "only spaces": "  \t  ",
    "only what is removed": "\u0000\u200d\ufeff",
    "capitals newer than most tables": "\u1e9e \u10a0\u1c90 \U00010400 \U0001e900",
    "letters that lower to several": "İ\u0307 \u0130\u0301",
}


def byte_offsets(text, offsets):
    starts = [0]
    for c in text:
        starts.append(starts[-1] + len(c.encode()))
    return [[starts[first], starts[last]] for first, last in offsets]


def make_encodings():
    settings = {
        "uncased": dict(lowercase=True),
        "cased": dict(lowercase=False),
        "uncased_with_accents": dict(lowercase=True, strip_accents=False),
        "cased_without_accents": dict(lowercase=False, strip_accents=True, handle_chinese_chars=False),
    }
    reference = {
        name: BertWordPieceTokenizer(str(HERE / "vocab.txt"), **options)
        for name, options in settings.items()
    }
    encodings = []
    for name, text in LINES.items():
        line = {"case": name, "text": text}
        for setting, tokenizer in reference.items():
            encoded = tokenizer.encode(text, add_special_tokens=False)
            offsets = byte_offsets(text, encoded.offsets)
            line[setting] = [[i, *o] for i, o in zip(encoded.ids, offsets)]
            line[setting + "_decoded"] = tokenizer.decode(encoded.ids, skip_special_tokens=True)
        encodings.append(line)
    # One line a line of input, so that a difference is easy to see.
    lines = ",\n".join(json.dumps(line) for line in encodings)
    (HERE / "encodings.json").write_text("[\n" + lines + "\n]\n")


# scalars.json: every Unicode scalar value inside a word, between two marks that stay in the text when
# accents are stripped (classes 224 and 216), so that its place in the canonical order shows.

BLOCK = 0x1000


def fnv1a(text):
    value = 0xCBF29CE484222325
    for byte in text.encode():
        value = (value ^ byte) * 0x100000001B3 & 0xFFFFFFFFFFFFFFFF
    return value


def make_scalars():
    settings = {
        "uncased": dict(lowercase=True, strip_accents=True, handle_chinese_chars=True),
        "cased": dict(lowercase=False, strip_accents=False, handle_chinese_chars=True),
        "cased_without_accents": dict(lowercase=False, strip_accents=True, handle_chinese_chars=False),
    }
    split = pre_tokenizers.BertPreTokenizer().pre_tokenize_str
    lower = normalizers.BertNormalizer(
        clean_text=False, handle_chinese_chars=False, strip_accents=False, lowercase=True
    ).normalize_str
    # Lower-casing comes from the Rust compiler's standard library, and so do its newest letters.
    skipped = [
        i
        for i in range(0x110000)
        if unicodedata.category(chr(i)) == "Cn" and lower(chr(i)) != chr(i)
    ]
    fixture = {"block": BLOCK, "skipped": skipped}
    for name, options in settings.items():
        normalize = normalizers.BertNormalizer(clean_text=True, **options).normalize_str
        hashes = []
        for start in range(0, 0x110000, BLOCK):
            words = []
            for i in range(start, start + BLOCK):
                if 0xD800 <= i < 0xE000 or i in skipped:
                    continue
                text = normalize("a\u302e" + chr(i) + "\U0001d165b " + chr(i))
                words += [word for word, _ in split(text)] + ["\n"]
            hashes.append(f"{fnv1a(' '.join(words)):016x}")
        fixture[name] = hashes
    write_json("scalars.json", fixture)


# training.json: counted words. Where pairs are equally frequent the reference's own runs differ, so
# only the merges before the first difference among many runs are kept.

WORDS = """play 61 played 47 player 29 players 13 playing 37 plays 17 jump 53 jumped 41 jumping 23
jumps 7 walked 31 walking 19 walks 11 the 211 then 67 there 83 other 59 mother 43 brother 33 quick 27
quickly 9 brown 21 fox 39 dog 49 cat 57 mat 15 hat 35 sat 45 that 101 what 71 whatever 5 on 151 one 91
over 77 lover 3 lazy 25 was 131 were 107 caf\u00e9 14 na\u00efve 8 1999 22 2001 18 2019 12""".split()
VOCAB_SIZE = 140
RUNS = 60


def make_training():
    counts = {word: int(count) for word, count in zip(WORDS[::2], WORDS[1::2])}
    text = [" ".join([word] * count) for word, count in counts.items()]
    runs = []
    for _ in range(RUNS):
        tokenizer = BertWordPieceTokenizer(lowercase=True, strip_accents=False)
        tokenizer.train_from_iterator(text, vocab_size=VOCAB_SIZE, show_progress=False)
        vocabulary = tokenizer.get_vocab()
        tokens = sorted(vocabulary, key=vocabulary.get)
        merges = [t for t in tokens[5:] if len(t.removeprefix("##")) > 1]
        alphabet = [t for t in tokens[5:] if len(t.removeprefix("##")) == 1]
        runs.append((sorted(alphabet), merges))
    assert all(alphabet == runs[0][0] for alphabet, _ in runs)
    certain = 0
    while certain < len(runs[0][1]) and len({merges[certain] for _, merges in runs}) == 1:
        certain += 1
    assert certain >= 20, certain
    fixture = {
        "words": counts,
        "sorted_alphabet": runs[0][0],
        "merges": runs[0][1][:certain],
        "ties": make_ties(),
    }
    write_json("training.json", fixture)
    print(certain, "merges of", len(runs[0][1]), "are certain")


# With four letters, one run in 24 happens to give the `##` letters ids in the order of their text.
# All those runs must agree in everything, ties included: that is the order cloze has.

TIED_WORDS = """abab 2 abba 2 baab 1 aaaa 2 cab 3 dabc 2 bad 2 badcab 1 daddada 2 abcd 2 dcba 2 cadab 1
aab 2 aba 1 ccdd 2 cdcd 2 bbbbb 1 dada 2 acdc 2 abracadabra 1 ddddddd 1 babacd 2""".replace("r", "d").split()


def make_ties():
    counts = {word: int(count) for word, count in zip(TIED_WORDS[::2], TIED_WORDS[1::2])}
    text = [" ".join([word] * count) for word, count in counts.items()]
    ordered = []
    while len(ordered) < 10:
        tokenizer = BertWordPieceTokenizer()
        tokenizer.train_from_iterator(text, min_frequency=1, show_progress=False)
        vocabulary = tokenizer.get_vocab()
        tokens = sorted(vocabulary, key=vocabulary.get)
        if tokens[9:13] == ["##a", "##b", "##c", "##d"]:
            ordered.append(tokens)
    assert all(tokens == ordered[0] for tokens in ordered)
    return {"words": counts, "vocabulary": ordered[0]}


make_vocabulary()
make_encodings()
make_scalars()
make_training()
