"""Compares every id and every offset of `cloze tokenize` with the reference's, and counts differences.

    python compare.py --cloze ../../target/release/cloze --vocab-dir DIR --text FILE ... [--scalars]
        [--random 200000]

Not run by the tests (the fixtures are): the texts and vocabularies are not ours to keep here. DIR holds
vocabularies by their Hugging Face names, NAME.vocab.txt; one with `uncased` in its name is lower-cased,
others are cased (strip_accents follows). Each line of each text is one input; bytes that are not UTF-8
become U+FFFD. --scalars adds every Unicode scalar value, assigned or not, alone, inside a word, between marks and
beside a special token; --random adds random strings. Exits 1 on any difference. Written for python 3.11+,
tokenizers==0.23.3.
"""

import argparse
import json
import pathlib
import random
import subprocess
import sys
import tempfile
import unicodedata

from tokenizers import BertWordPieceTokenizer

SPECIAL_TOKENS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
BATCH = 20_000
SHOWN = 10


def scalars():
    return (chr(i) for i in range(0x110000) if not 0xD800 <= i < 0xE000)


def scalar_lines():
    """Alone, inside a word, and between a spacing mark of class 224 and one of class 216: its place
    shows. Line ends cannot stand in a line of a file."""
    for c in scalars():
        if c not in "\n\r":
            yield f"{c} a{c}b x{c}\u302e{c}\U0001d165x e\u0301{c}E\u0323 [MASK]{c}"


def boundary_lines():
    for letter in "aAé中\u0e01\U00010400":
        for count in range(95, 106):
            yield letter * count
            yield f"fox {letter * count} fox"
    for count in range(95, 106):
        yield "e\u0301" * count
        yield "a\u200d" * count
        yield "a" * (count - 1) + "\u0301b"
        yield "##" * count
        yield "İ" * count
    for token in SPECIAL_TOKENS:
        for before in ["", "a", " ", "\u0301", "\u200d", "中", "[", "##", "[MASK]"]:
            for after in ["", "b", " ", "\u0301", "\u200d", "中", "]", "##", "[SEP]"]:
                yield before + token + after
                yield before + token.lower() + after
                yield before + token[:-1] + after


def random_lines(count):
    """Short strings from pools that tokenizers trip over."""
    generator = random.Random(1)
    assigned = [c for c in scalars() if unicodedata.category(c) != "Cn" and c not in "\n\r"]
    marks = [c for c in assigned if unicodedata.category(c).startswith("M")]
    others = [c for c in assigned if unicodedata.category(c) in ("Cc", "Cf", "Zs", "Zl", "Zp", "Lt", "Nl", "Lo")]
    pools = [assigned, marks, others, list("abcdefghijklmnopqrstuvwxyzABC 0123.,'-[]#"), SPECIAL_TOKENS]
    for _ in range(count):
        weights = [generator.random() for _ in pools]
        chosen = generator.choices(pools, weights, k=generator.randrange(1, 30))
        yield "".join(generator.choice(pool) for pool in chosen)


def text_lines(path):
    return pathlib.Path(path).read_bytes().decode("utf-8", "replace").split("\n")


def byte_offsets(text, offsets):
    if text.isascii():
        return [list(offset) for offset in offsets]
    starts = [0]
    for c in text:
        starts.append(starts[-1] + len(c.encode()))
    return [[starts[first], starts[last]] for first, last in offsets]


def batches(lines):
    batch = []
    for line in lines:
        batch.append(line)
        if len(batch) == BATCH:
            yield batch
            batch = []
    if batch:
        yield batch


def compare(cloze, vocabulary, cased, reference, lines, counts):
    for batch in batches(lines):
        # The empty last line of a file is none.
        with tempfile.NamedTemporaryFile("w", encoding="utf8", newline="") as file:
            file.write("".join(line + "\n" for line in batch))
            file.flush()
            command = [cloze, "tokenize", "--vocab", vocabulary, "--json", "--offsets", "--input", file.name]
            command += ["--cased"] if cased else []
            answers = subprocess.run(command, check=True, capture_output=True, text=True, encoding="utf8")
        answers = [json.loads(line) for line in answers.stdout.split("\n")[:-1]]
        encoded = reference.encode_batch(batch, add_special_tokens=False)
        assert len(answers) == len(batch), (len(answers), len(batch))
        for line, answer, expected in zip(batch, answers, encoded):
            counts["lines"] += 1
            counts["characters"] += len(line)
            counts["ids"] += len(expected.ids)
            offsets = byte_offsets(line, expected.offsets)
            if answer["input_ids"] != expected.ids:
                counts["lines whose ids differ"] += 1
                if counts["lines whose ids differ"] <= SHOWN:
                    print(f"ids: {line!a}\n  found     {answer['tokens']!a}\n  reference {expected.tokens!a}")
            elif answer["offsets"] != offsets:
                counts["lines whose offsets differ"] += 1
                if counts["lines whose offsets differ"] <= SHOWN:
                    print(f"offsets: {line!a}\n  found     {answer['offsets']}\n  reference {offsets}")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--cloze", required=True)
    parser.add_argument("--vocab-dir", required=True)
    parser.add_argument("--text", nargs="*", default=[])
    parser.add_argument("--scalars", action="store_true")
    parser.add_argument("--random", type=int, default=0)
    options = parser.parse_args()
    sources = {path: lambda path=path: text_lines(path) for path in options.text}
    sources["word lengths and special tokens"] = boundary_lines
    if options.scalars:
        sources["every scalar value, five ways"] = scalar_lines
    if options.random:
        sources["random strings"] = lambda: random_lines(options.random)
    names = ["lines", "characters", "ids", "lines whose ids differ", "lines whose offsets differ"]
    total = dict.fromkeys(names, 0)
    for vocabulary in sorted(pathlib.Path(options.vocab_dir).glob("*.vocab.txt")):
        cased = "uncased" not in vocabulary.name
        reference = BertWordPieceTokenizer(str(vocabulary), lowercase=not cased)
        for source, lines in sources.items():
            counts = dict.fromkeys(names, 0)
            compare(options.cloze, str(vocabulary), cased, reference, lines(), counts)
            total = {name: total[name] + counts[name] for name in names}
            shown = ", ".join(f"{counts[name]:,} {name}" for name in names)
            print(f"{vocabulary.name}, {source}: {shown}", flush=True)
    print("in all:", ", ".join(f"{total[name]:,} {name}" for name in names))
    sys.exit(total["lines whose ids differ"] + total["lines whose offsets differ"] > 0)


if __name__ == "__main__":
    main()
