"""Draws curves.svg from curves.csv: masked-LM loss in training over time.

    python curves.py

curves.csv has lines of `curve,seconds,loss`: means over at most 60 intervals of the run's metrics, seconds by the clock, on
two cores that nothing else used (docs/recipes.md has the commands). Not run by the tests. Written for python 3.11, standard library only.
"""

import csv
import math
import pathlib

HERE = pathlib.Path(__file__).parent
WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 760, 420, 56, 20, 20, 48
COLOURS = ["#b03a2e", "#7d6608", "#1f618d", "#1e8449", "#6c3483"]


def main():
    curves = {}
    with open(HERE / "curves.csv") as file:
        for row in csv.DictReader(file):
            curves.setdefault(row["curve"], []).append((float(row["seconds"]), float(row["loss"])))
    most = max(seconds for points in curves.values() for seconds, _ in points)
    low = math.floor(2 * min(loss for points in curves.values() for _, loss in points)) / 2
    high = 9.0
    x = lambda seconds: LEFT + (WIDTH - LEFT - RIGHT) * seconds / most
    y = lambda loss: TOP + (HEIGHT - TOP - BOTTOM) * (high - min(loss, high)) / (high - low)
    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" font-size="12">',
        "<title>Masked-LM loss in training over time</title>",
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#ffffff"/>',
    ]
    for tick in range(round(2 * low), round(2 * high) + 1):
        at = y(tick / 2)
        out.append(f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{at:.1f}" y2="{at:.1f}" stroke="#dddddd"/>')
        out.append(f'<text x="{LEFT - 8}" y="{at + 4:.1f}" text-anchor="end">{tick / 2:.1f}</text>')
    step = 50 if most > 120 else 20
    for seconds in range(0, int(most) + 1, step):
        out.append(f'<text x="{x(seconds):.1f}" y="{HEIGHT - BOTTOM + 18}" text-anchor="middle">{seconds}</text>')
    out.append(f'<text x="{(LEFT + WIDTH) / 2}" y="{HEIGHT - 8}" text-anchor="middle">seconds of two cores</text>')
    for number, (name, points) in enumerate(curves.items()):
        colour = COLOURS[number % len(COLOURS)]
        line = " ".join(f"{x(seconds):.1f},{y(loss):.1f}" for seconds, loss in points)
        out.append(f'<polyline points="{line}" fill="none" stroke="{colour}" stroke-width="2"/>')
        at = TOP + 18 + 18 * number
        out.append(f'<line x1="{WIDTH - 330}" x2="{WIDTH - 306}" y1="{at - 4}" y2="{at - 4}" stroke="{colour}" stroke-width="3"/>')
        out.append(f'<text x="{WIDTH - 300}" y="{at}">{name}</text>')
    out.append("</svg>")
    (HERE / "curves.svg").write_text("\n".join(out) + "\n")


main()
