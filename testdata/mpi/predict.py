#!/usr/bin/env python3
"""Predicts how well a run scales: the tables of docs/scaling.md, as Markdown. See there for what is measured and what
is computed. Needs Python alone.

    python predict.py
"""

# Parameters with a vocabulary of 30,522, and GFLOP of a sequence of 128 tokens with 20 masked ones (`cloze bench`:
# src/bench/training.rs has the formula).
VOCABULARY = 30_522
SIZES = {"tiny": (2, 128), "mini": (4, 256), "small": (4, 512), "medium": (8, 512), "base": (12, 768)}
SEQ, MASKED = 128, 20

# GFLOP/s of a step on the machine of docs/speed.md (two cores, FMA peak 346), "before and after", this version; for mini
# with a vocabulary of 8,192.
GFLOPS = {"tiny": 145, "mini": 171, "small": 197, "medium": 190, "base": 200}
# Seconds of a message, measured by testdata/mpi/network between two network namespaces of that machine, over TCP.
LATENCY = 6.3e-6
# Bytes a second of long messages at 10 and 100 Gbit/s: 0.96 of the rate, as measured with a limit of 1 Gbit/s. Measured
# over TCP without a limit: 1.42 GB/s, so 100 Gbit/s needs something faster than TCP.
BANDWIDTH = {rate: 0.96 * rate * 1e9 / 8 for rate in (10, 100)}
# Batch of all machines together: sequences for each rank (4 micro-batches of 16).
SEQUENCES = 64


def parameters(layers, hidden):
    layer = 4 * hidden * hidden + 4 * hidden + 8 * hidden * hidden + 5 * hidden + 4 * hidden
    embeddings = (VOCABULARY + 512 + 2) * hidden + 2 * hidden
    heads = 2 * (hidden * hidden + hidden) + 2 * hidden + VOCABULARY + 2 * hidden + 2
    return layers * layer + embeddings + heads


def flop(layers, hidden):
    """FLOP of one sequence."""
    matrices = layers * 12 * hidden * hidden
    encoder = 6 * matrices * SEQ + 12 * layers * SEQ * hidden * SEQ
    return encoder + 6 * MASKED * hidden * (hidden + VOCABULARY)


def efficiency(size, ranks, gigabits, faster):
    """On machines `faster` times as fast, of a step of `ranks` × SEQUENCES sequences: the share of time in which a rank computes."""
    layers, hidden = SIZES[size]
    computing = SEQUENCES * flop(layers, hidden) / (faster * GFLOPS[size] * 1e9)
    sent = 2 * 4 * parameters(layers, hidden) * (ranks - 1) / ranks
    # The all-to-all and the two all-gathers take ranks − 1 messages one after another; the command and the batches
    # go from rank 0 to each.
    moving = sent / BANDWIDTH[gigabits] + 4 * (ranks - 1) * LATENCY
    batches = (ranks - 1) * SEQUENCES * 12 * (SEQ + MASKED) / BANDWIDTH[gigabits]
    return computing / (computing + moving + batches)


def main():
    for faster, cores in [(1, 2), (16, 32)]:
        print(f"Machines of {cores} cores:\n")
        print("| model | parameters | 2 ranks, 10 Gbit/s | 8 | 64 | 2 ranks, 100 Gbit/s | 8 | 64 |")
        print("|---|---|---|---|---|---|---|---|")
        for size in SIZES:
            cases = [(ranks, rate) for rate in (10, 100) for ranks in (2, 8, 64)]
            cells = [f"{efficiency(size, ranks, rate, faster):.2f}" for ranks, rate in cases]
            print(f"| {size} | {parameters(*SIZES[size]) / 1e6:.1f} M | {' | '.join(cells)} |")
        print()


if __name__ == "__main__":
    main()
