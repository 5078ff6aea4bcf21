"""Records what the reference implementations say for random answers, for tests/finetuning_metrics.rs.

    python make.py

rebuilds metrics.json beside this script. Made with

    python 3.11, scikit-learn 1.9.1, scipy 1.17.1, seqeval 1.2.2, numpy 2.4.6

SQuAD's metrics are those of its official script evaluate-v2.0.py, written down anew here from its description:
lower case, without punctuation and articles, white space as single spaces; exact match, and F1 over the words.
"""

import collections
import json
import random
import re
import string
from pathlib import Path

import numpy as np
from scipy.stats import pearsonr, spearmanr
from seqeval.metrics import f1_score as entity_f1
from seqeval.metrics import precision_score as entity_precision
from seqeval.metrics import recall_score as entity_recall
from seqeval.scheme import IOB2
from sklearn.metrics import accuracy_score, f1_score, matthews_corrcoef

rng = random.Random(12)


def classes():
    cases = []
    for count, length, noise in [(2, 40, 0.2), (2, 1, 0.0), (3, 50, 0.4), (5, 30, 0.7), (4, 3, 0.9), (2, 20, 1.0)]:
        gold = [rng.randrange(count) for _ in range(length)]
        predicted = [rng.randrange(count) if rng.random() < noise else g for g in gold]
        if noise == 1.0:
            predicted = [0] * length
        average = "binary" if count == 2 else "macro"
        cases.append({
            "classes": count, "gold": gold, "predicted": predicted,
            "accuracy": accuracy_score(gold, predicted),
            "f1": f1_score(gold, predicted, average=average, zero_division=0),
            "matthews_correlation": matthews_corrcoef(gold, predicted),
        })
    return cases


def correlations():
    cases = []
    for length, places in [(30, 6), (40, 1), (12, 0), (3, 2)]:
        x = [round(rng.gauss(0, 2), places) for _ in range(length)]
        y = [round(a + rng.gauss(0, 2), places) for a in x]
        cases.append({"x": x, "y": y, "pearson": float(pearsonr(x, y)[0]), "spearman": float(spearmanr(x, y)[0])})
    return cases


def tags():
    labels = ["O", "O", "B-PER", "I-PER", "I-PER", "B-LOC", "I-LOC"]
    cases = []
    for noise in [0.0, 0.2, 0.5, 1.0]:
        gold, predicted = [], []
        for _ in range(12):
            sentence, before = [], "O"
            for _ in range(rng.randrange(1, 12)):
                label = rng.choice(labels)
                if label.startswith("I-") and before[2:] != label[2:]:
                    label = "B-" + label[2:]
                sentence.append(label)
                before = label
            gold.append(sentence)
            predicted.append([rng.choice(labels) if rng.random() < noise else label for label in sentence])
        if noise == 1.0:
            predicted = [["O"] * len(sentence) for sentence in gold]
        strict = {"mode": "strict", "scheme": IOB2, "zero_division": 0}
        cases.append({
            "gold": gold, "predicted": predicted,
            "precision": float(entity_precision(gold, predicted, **strict)),
            "recall": float(entity_recall(gold, predicted, **strict)),
            "f1": float(entity_f1(gold, predicted, **strict)),
        })
    return cases


def normalize(text):
    text = "".join(c for c in text.lower() if c not in set(string.punctuation))
    return " ".join(re.sub(r"\b(a|an|the)\b", " ", text).split())


def word_f1(gold, answer):
    gold, answer = normalize(gold).split(), normalize(answer).split()
    if not gold or not answer:
        return float(gold == answer)
    same = sum((collections.Counter(gold) & collections.Counter(answer)).values())
    if same == 0:
        return 0.0
    precision, recall = same / len(answer), same / len(gold)
    return 2 * precision * recall / (precision + recall)


def answers():
    cases = []
    words = ["The", "a", "an", "theory", "cat", "Cat's", "cat", "of", "1,000", "U.S.", "Zoë", "under_score", "—", "-", "the"]
    given = [("", []), ("cat", []), ("", ["cat"]), ("the", ["cat", "a"]), ("The cat", ["the", "Cat!"]), ("x", ["a", "the"])]
    for _ in range(60):
        pick = lambda: " ".join(rng.choice(words) for _ in range(rng.randrange(1, 5)))
        given.append((pick(), [pick() for _ in range(rng.randrange(0, 4))]))
    for answer, gold in given:
        kept = [g for g in gold if normalize(g)] or [""]
        cases.append({
            "answer": answer, "gold": gold, "normalized": normalize(answer),
            "exact_match": max(float(normalize(g) == normalize(answer)) for g in kept),
            "f1": max(word_f1(g, answer) for g in kept),
        })
    return cases


recorded = {"classes": classes(), "correlations": correlations(), "tags": tags(), "answers": answers()}
Path(__file__).with_name("metrics.json").write_text(json.dumps(recorded, ensure_ascii=False) + "\n")
