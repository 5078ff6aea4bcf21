"""Draws the pictures of the book: python3 testdata/book/pictures.py (Python 3.11, no packages).

Text stays text. Colours are those of light pages, and of dark pages where the reader prefers them; each picture has a
background of its own, so that it can be read on any page. Numbers of runs are those that the chapters print.
"""
import math
from html import escape
from pathlib import Path

OUT = Path(__file__).resolve().parents[2] / "docs/pictures"
STYLE = (
    "<style>text{font:14px sans-serif;fill:#1f2328}.m{font-family:monospace}.s{font-size:12px;fill:#57606a}"
    ".c{text-anchor:middle}.e{text-anchor:end}.k{font-weight:bold}"
    ".bg{fill:#fff;stroke:#d0d7de}.a{fill:#ddf4ff;stroke:#0969da}.b{fill:#fff8c5;stroke:#9a6700}"
    ".g{fill:#dafbe1;stroke:#1a7f37}.r{fill:#ffebe9;stroke:#cf222e}.n{fill:#f6f8fa;stroke:#8c959f}"
    ".l{stroke:#57606a;fill:none;stroke-width:1.5}.h{fill:#57606a;stroke:none}"
    ".d{stroke-dasharray:4 3}.la{stroke:#0969da;fill:none;stroke-width:2}.lr{stroke:#cf222e;fill:none;stroke-width:2}"
    "@media(prefers-color-scheme:dark){text{fill:#e6edf3}.s{fill:#9198a1}.bg{fill:#0d1117;stroke:#3d444d}"
    ".a{fill:#0c2d6b;stroke:#58a6ff}.b{fill:#3d2e00;stroke:#d29922}.g{fill:#04260f;stroke:#3fb950}"
    ".r{fill:#490202;stroke:#f85149}.n{fill:#161b22;stroke:#656c76}.l{stroke:#9198a1}.h{fill:#9198a1}"
    ".la{stroke:#58a6ff}.lr{stroke:#f85149}}</style>"
)


class Picture:
    def __init__(self, name, title, width, height):
        self.name, self.width, self.height = name, width, height
        self.parts = [f"<title>{escape(title)}</title>", STYLE,
                      f'<rect class="bg" x="0.5" y="0.5" width="{width - 1}" height="{height - 1}" rx="6"/>']

    def text(self, x, y, text, kind=""):
        kind = f' class="{kind}"' if kind else ""
        self.parts.append(f'<text x="{x:g}" y="{y:g}"{kind}>{escape(text)}</text>')

    def box(self, x, y, w, h, kind, text="", text_kind="c"):
        self.parts.append(f'<rect class="{kind}" x="{x:g}" y="{y:g}" width="{w:g}" height="{h:g}" rx="4"/>')
        if text:
            self.text(x + w / 2, y + h / 2 + 5, text, text_kind)

    def line(self, *points, kind="l", arrow=False):
        d = "M" + "L".join(f"{x:g} {y:g}" for x, y in points)
        self.parts.append(f'<path class="{kind}" d="{d}"/>')
        if arrow:
            (x0, y0), (x1, y1) = points[-2:]
            self.head(x1, y1, math.atan2(y1 - y0, x1 - x0))

    def curve(self, x0, y0, cx, cy, x1, y1, kind="l"):
        self.parts.append(f'<path class="{kind}" d="M{x0:g} {y0:g}Q{cx:g} {cy:g} {x1:g} {y1:g}"/>')
        self.head(x1, y1, math.atan2(y1 - cy, x1 - cx))

    def head(self, x, y, angle):
        points = [(x, y)] + [(x - 9 * math.cos(angle + s), y - 9 * math.sin(angle + s)) for s in (0.4, -0.4)]
        text = " ".join(f"{a:.1f},{b:.1f}" for a, b in points)
        self.parts.append(f'<polygon class="h" points="{text}"/>')

    def dot(self, x, y, kind):
        self.parts.append(f'<circle class="{kind}" cx="{x:g}" cy="{y:g}" r="4"/>')

    def save(self):
        head = (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {self.width} {self.height}" '
                f'width="{self.width}" height="{self.height}" role="img">')
        (OUT / f"{self.name}.svg").write_text(head + "\n" + "\n".join(self.parts) + "\n</svg>\n")


def words(p, y, tokens, kinds, width=64, x=12, gap=6):
    """Boxes for tokens; returns their middles."""
    middles = []
    for token, kind in zip(tokens, kinds):
        p.box(x, y, width, 28, kind, token, "c m")
        middles.append(x + width / 2)
        x += width + gap
    return middles


def two_sides():
    p = Picture("two-sides", "Masked language modelling uses both sides, causal language modelling the left side", 660, 250)
    fox = ["the", "quick", "brown", "fox", "[MASK]", "over", "the", "lazy", "dog"]
    p.text(12, 26, "Masked language modelling (BERT): the word is predicted from both sides", "k")
    m = words(p, 84, fox, ["a"] * 4 + ["b"] + ["a"] * 4)
    for i in [0, 1, 2, 3, 5, 6, 7, 8]:
        p.curve(m[i], 84, (m[i] + m[4]) / 2, 84 - 9 * abs(i - 4) - 18, m[4] + 4 * (i - 4), 80)
    p.text(12, 150, "Causal language modelling (GPT): the next word is predicted from the left side", "k")
    m = words(p, 206, ["the", "quick", "brown", "fox", "?"], ["a"] * 4 + ["b"])
    for i in range(4):
        p.curve(m[i], 206, (m[i] + m[4]) / 2, 206 - 9 * abs(i - 4) - 16, m[4] + 4 * (i - 4), 202)
    p.text(370, 225, "what comes later is not there", "s")
    p.save()


def two_tasks():
    p = Picture("two-tasks", "One sequence, two tasks", 660, 210)
    tokens = ["[CLS]", "the", "[MASK]", "slept", "[SEP]", "it", "was", "[MASK]", "[SEP]"]
    m = words(p, 90, tokens, ["g", "a", "b", "a", "n", "a", "a", "b", "n"])
    p.text(12, 26, "Next-sentence prediction: did B follow A? Yes or no.", "k")
    p.line((m[0], 90), (m[0], 36), arrow=True)
    for i, word in ((2, "dog"), (7, "lazy")):
        p.line((m[i], 90), (m[i], 72), arrow=True)
        p.text(m[i], 64, word, "c m")
    p.text(m[2] + 34, 66, "Masked LM: which word is hidden?", "k")
    p.line((m[1] - 30, 132), (m[3] + 30, 132))
    p.text(m[2], 150, "A", "c k")
    p.line((m[5] - 30, 132), (m[7] + 30, 132))
    p.text(m[6], 150, "B", "c k")
    p.text(12, 192, "Masking hides words. Next-sentence prediction hides nothing and predicts no word.", "s")
    p.save()


def steps():
    p = Picture("steps", "From text to ids", 660, 252)
    rows = [("text", ["Unbelievable", "foxes!"], [("n", 130), ("n", 80)]),
            ("normalised", ["unbelievable", "foxes!"], [("n", 130), ("n", 80)]),
            ("words", ["unbelievable", "foxes", "!"], [("a", 130), ("a", 70), ("a", 36)])]
    for row, (name, texts, kinds) in enumerate(rows):
        y = 16 + 46 * row
        p.text(12, y + 19, name, "k")
        x = 110
        for text, (kind, width) in zip(texts, kinds):
            p.box(x, y, width, 28, kind, text, "c m")
            x += width + 8
        p.line((100, y + 30), (100, y + 44), arrow=True)
    pieces = "u ##n ##b ##el ##i ##e ##v ##a ##ble fox ##es [UNK]".split()
    ids = "28 46 35 976 42 38 54 34 439 183 131 1".split()
    p.text(12, 173, "pieces", "k")
    p.text(12, 219, "ids", "k")
    p.line((100, 184), (100, 198), arrow=True)
    x = 110
    for i, (piece, number) in enumerate(zip(pieces, ids)):
        p.box(x, 154, 42, 28, "r" if piece == "[UNK]" else "a" if i < 9 else "g", piece, "c m s")
        p.text(x + 21, 219, number, "c m")
        x += 45
    p.text(110, 242, "The stories have no “!”, so it is unknown.", "s")
    p.save()


def merges():
    p = Picture("merges", "Learning pieces by joining the most frequent pair", 660, 216)
    rows = [("characters", ["l ##o ##w", "l ##o ##w ##e ##r", "n ##e ##w ##e ##s ##t"]),
            ("join l, ##o (6 times)", ["lo ##w", "lo ##w ##e ##r", "n ##e ##w ##e ##s ##t"]),
            ("join lo, ##w (6 times)", ["low", "low ##e ##r", "n ##e ##w ##e ##s ##t"])]
    for x, word in ((180, "low × 4"), (280, "lower × 2"), (446, "newest × 3")):
        p.text(x, 28, word, "k")
    for row, (name, texts) in enumerate(rows):
        y = 44 + 56 * row
        p.text(12, y + 20, name)
        for x, text in zip((180, 280, 446), texts):
            for piece in text.split():
                width = 9 + 8 * len(piece)
                p.box(x, y, width - 3, 28, "g" if piece in ("lo", "low") else "a", piece, "c m s")
                x += width
        if row:
            p.line((100, y - 22), (100, y - 2), arrow=True)
    p.text(12, 206, "Each row joins the pair of neighbours with the largest count, in all words.", "s")
    p.save()


def pair():
    p = Picture("pair", "A true pair and a random pair", 660, 262)
    p.text(12, 26, "a document", "k")
    for i, text in enumerate(["s1", "s2", "s3", "s4", "s5"]):
        p.box(110 + 62 * i, 10, 56, 26, "a" if i < 2 else "g" if i < 4 else "n", text)
    p.text(432, 28, "a chunk: s1 to s4, cut after s2", "s")
    p.text(12, 96, "heads", "k")
    p.box(110, 78, 56, 28, "n", "[CLS]", "c m")
    p.box(172, 78, 118, 28, "a", "A: s1 s2")
    p.box(296, 78, 56, 28, "n", "[SEP]", "c m")
    p.box(358, 78, 118, 28, "g", "B: s3 s4")
    p.box(482, 78, 56, 28, "n", "[SEP]", "c m")
    p.text(552, 97, "0: next", "k")
    p.line((200, 38), (222, 76), arrow=True)
    p.line((320, 38), (400, 76), arrow=True)
    p.text(12, 160, "tails", "k")
    p.box(110, 142, 56, 28, "n", "[CLS]", "c m")
    p.box(172, 142, 118, 28, "a", "A: s1 s2")
    p.box(296, 142, 56, 28, "n", "[SEP]", "c m")
    p.box(358, 142, 118, 28, "b", "B: t3 t4")
    p.box(482, 142, 56, 28, "n", "[SEP]", "c m")
    p.text(552, 161, "1: random", "k")
    p.text(12, 232, "another document", "k")
    for i, text in enumerate(["t1", "t2", "t3", "t4", "t5"]):
        p.box(160 + 62 * i, 214, 56, 26, "b" if i in (2, 3) else "n", text)
    p.line((340, 212), (400, 174), arrow=True)
    p.text(490, 232, "s3 and s4 are used again", "s")
    p.save()


def eighty():
    p = Picture("eighty", "What becomes of 100 chosen tokens: 80 MASK, 10 the same, 10 random", 660, 176)
    p.text(12, 28, "100 tokens of a text", "k")
    p.box(12, 40, 620, 26, "n")
    p.box(12, 40, 93, 26, "b", "15 chosen")
    p.text(372, 58, "85 are left alone and not predicted", "c")
    p.line((12, 68), (12, 98), kind="l d")
    p.line((105, 68), (632, 98), kind="l d")
    p.box(12, 100, 496, 30, "b", "80 %: [MASK]")
    p.box(508, 100, 62, 30, "g", "10 %")
    p.box(570, 100, 62, 30, "r", "10 %")
    p.text(539, 148, "the same", "c s")
    p.text(601, 148, "random", "c s")
    p.text(12, 164, "All 15 are predicted, whatever stands in their place.", "s")
    p.save()


def embedding_sum():
    p = Picture("sum", "Word, position and segment embeddings are added", 660, 226)
    tokens = ["[CLS]", "the", "cat", "sat", "[SEP]"]
    x0, w = 150, 92
    rows = [("word", "a", tokens), ("position", "b", ["0", "1", "2", "3", "4"]), ("segment", "g", ["A"] * 5)]
    for row, (name, kind, texts) in enumerate(rows):
        y = 16 + 46 * row
        p.text(12, y + 19, name, "k")
        for i, text in enumerate(texts):
            p.box(x0 + i * (w + 6), y, w, 28, kind, text, "c m")
            if row < 2:
                p.text(x0 + i * (w + 6) + w / 2, y + 42, "+", "c k")
    p.text(12, 173, "sum", "k")
    for i in range(5):
        x = x0 + i * (w + 6)
        p.line((x + w / 2, 136), (x + w / 2, 152), arrow=True)
        p.box(x, 154, w, 28, "n", f"x[{i}]", "c m")
    p.text(150, 210, "Each box is a vector of 128 numbers. LayerNorm follows.", "s")
    p.save()


def attention():
    p = Picture("attention", "Attention of the token jumped", 660, 272)
    tokens, weights, scores = ["the", "fox", "jumped"], [0.05, 0.89, 0.05], ["0", "4", "0"]
    p.text(12, 30, "query of “jumped”", "k")
    p.box(170, 12, 110, 28, "b", "q = [2, 0]", "c m s")
    p.text(12, 86, "keys", "k")
    p.text(12, 132, "q·k", "k")
    p.text(12, 172, "softmax(q·k/√2)", "k")
    p.text(12, 212, "values", "k")
    keys, values = ["[0, 1]", "[2, 1]", "[0, 0]"], ["[0, 0]", "[1, 2]", "[3, 0]"]
    for i, token in enumerate(tokens):
        x = 170 + 150 * i
        p.line((225, 42), (x + 55, 64), arrow=True)
        p.box(x, 66, 110, 28, "a", f"{token} {keys[i]}", "c m s")
        p.text(x + 55, 132, scores[i], "c m")
        p.box(x, 154, 110, 26, "n")
        p.box(x, 154, 110 * weights[i], 26, "g")
        p.text(x + 55, 172, f"{weights[i]:.2f}", "c m")
        p.box(x, 194, 110, 28, "a", values[i], "c m s")
    p.text(12, 256, "result: 0.05·[0, 0] + 0.89·[1, 2] + 0.05·[3, 0] = [1.05, 1.79]", "m")
    p.save()


def layer():
    p = Picture("layer", "One layer of BERT", 660, 150)
    x = 14
    p.text(x, 70, "x", "k m")
    boxes = [(44, 96, "b", "attention"), (176, 26, "n", "+"), (220, 92, "g", "LayerNorm"),
             (342, 110, "b", "feed-forward"), (484, 26, "n", "+"), (528, 92, "g", "LayerNorm")]
    last = 26
    for left, width, kind, text in boxes:
        p.line((last, 65), (left - 1, 65), arrow=True)
        p.box(left, 50, width, 30, kind, text)
        last = left + width
    p.line((last, 65), (last + 28, 65), arrow=True)
    for start, end in ((34, 189), (324, 497)):
        p.line((start, 65), (start, 22), (end, 22), (end, 48), arrow=True)
    p.text(112, 16, "residual", "c s")
    p.text(410, 16, "residual", "c s")
    p.text(12, 112, "Attention mixes tokens. Feed-forward sees one token at a time.", "s")
    p.text(12, 132, "A tiny BERT has two such layers, a base BERT has twelve.", "s")
    p.save()


def heads():
    p = Picture("heads", "The two heads of pretraining", 660, 250)
    tokens = ["[CLS]", "the", "[MASK]", "slept", "[SEP]", "it", "was", "lazy", "[SEP]"]
    m = words(p, 208, tokens, ["g", "a", "b", "a", "n", "a", "a", "a", "n"])
    p.box(12, 164, 624, 26, "n", "embeddings and layers")
    for i in range(9):
        p.line((m[i], 208), (m[i], 192), arrow=True)
    p.line((m[0], 164), (m[0], 132), arrow=True)
    p.line((m[2], 164), (m[2], 150), (240, 150), (240, 132), arrow=True)
    p.box(12, 102, 150, 28, "g", "pooler (tanh)")
    p.box(186, 102, 190, 28, "b", "dense, GELU, LayerNorm")
    p.line((87, 102), (87, 84), arrow=True)
    p.line((281, 102), (281, 84), arrow=True)
    p.box(12, 54, 150, 28, "g", "2 logits")
    p.box(186, 54, 190, 28, "b", "1,006 logits")
    p.text(12, 40, "next or random?", "k")
    p.text(186, 40, "which word?", "k")
    p.text(392, 73, "h · each word embedding", "s")
    p.text(392, 121, "at the masked positions only", "s")
    p.save()


def surprise():
    p = Picture("surprise", "The loss −ln p", 560, 270)
    x = lambda v: 60 + 460 * v
    y = lambda v: 226 - 28 * v
    p.line((60, 226), (530, 226))
    p.line((60, 226), (60, 20))
    for v in (0, 0.25, 0.5, 0.75, 1):
        p.text(x(v), 246, f"{v:g}", "c s")
    for v in (0, 2, 4, 6):
        p.text(52, y(v) + 4, f"{v}", "e s")
    p.text(295, 264, "p of the right answer", "c s")
    p.text(70, 18, "loss = −ln p", "s")
    points = [(math.exp(-v / 20), v / 20) for v in range(0, 142)]
    p.line(*[(round(x(a), 1), round(y(b), 1)) for a, b in points], kind="la")
    for value, text, dx, dy in ((1 / 1006, "1/1006: 6.91", 10, 4), (0.441, "0.441: 0.82", 6, -10)):
        p.dot(x(value), y(-math.log(value)), "r")
        p.text(x(value) + dx, y(-math.log(value)) + dy, text, "s")
    p.save()


def graph():
    p = Picture("graph", "Values of the forward pass, derivatives of the backward pass", 660, 214)
    xs = [16, 196, 376, 556]
    names = ["h", "z = W·h", "p = softmax(z)", "loss"]
    p.box(xs[0], 84, 84, 34, "a", "h", "c m")
    p.box(xs[1], 84, 104, 34, "n", "z = W·h", "c m")
    p.box(xs[2], 84, 126, 34, "n", "p = softmax(z)", "c m s")
    p.box(xs[3], 84, 90, 34, "r", "−ln p", "c m")
    p.box(xs[1], 20, 104, 34, "a", "W", "c m")
    p.line((248, 56), (248, 82), arrow=True)
    for left, right in ((102, 194), (302, 374), (504, 554)):
        p.line((left, 96), (right, 96), arrow=True)
        p.line((right, 108), (left, 108), kind="lr")
        p.parts.append(f'<polygon class="r" points="{left},{108} {left + 9},{104.5} {left + 9},{111.5}"/>')
    p.text(16, 72, "forward: values", "s")
    p.text(58, 140, "[1, 2]", "c m s")
    p.text(248, 140, "[1.5, 0.5, −0.5]", "c m s")
    p.text(439, 140, "[0.67, 0.24, 0.09]", "c m s")
    p.text(601, 140, "0.4076", "c m s")
    p.text(16, 172, "backward: d loss / d …", "s")
    p.text(16, 196, "[−0.24, −0.09]", "m s")
    p.text(248, 196, "[−0.33, 0.24, 0.09]", "c m s")
    p.text(601, 196, "1", "c m s")
    p.text(318, 42, "dW[jumps][0] = −0.3348", "m s")
    p.save()


def schedule():
    steps, warmup, rate = 6600, 660, 0.002
    p = Picture("schedule", "The learning rate over the built-in run", 560, 236)
    x = lambda v: 66 + 460 * v / steps
    y = lambda v: 186 - 150 * v / rate
    p.line((66, 186), (536, 186))
    p.line((66, 186), (66, 26))
    for v in (0, warmup, 2200, 4400, steps):
        p.text(x(v), 206, f"{v:,}", "c s")
    for v in (0, 0.001, 0.002):
        p.text(58, y(v) + 4, f"{v:g}", "e s")
    p.text(301, 226, "step", "c s")
    p.text(70, 18, "learning rate", "s")
    end = rate * (1 - warmup / steps)
    p.line((x(0), y(0)), (x(warmup), y(rate)), kind="la")
    p.line((x(warmup), y(rate)), (x(warmup), y(end)), kind="la d")
    p.line((x(warmup), y(end)), (x(steps), y(0)), kind="la")
    p.text(x(warmup) + 12, y(rate) + 6, "end of the warm-up: from 0.002 to 0.0018", "s")
    p.text(x(3300), y(0.0012), "then down to 0", "s")
    p.save()


def curve():
    counting = [5.012, 4.904, 4.846, 4.769, 4.710, 4.670]
    reading = [4.976, 4.725, 4.193, 3.803, 3.581, 3.505]
    p = Picture("curve", "The masked-LM loss of two runs of 300 steps", 600, 276)
    x = lambda v: 60 + 400 * v / 300
    y = lambda v: 232 - 110 * (v - 3.3)
    p.line((60, 232), (470, 232))
    p.line((60, 232), (60, 26))
    for v in (0, 50, 100, 150, 200, 250, 300):
        p.text(x(v), 250, str(v), "c s")
    for v in (3.5, 4, 4.5, 5):
        p.text(52, y(v) + 4, f"{v:g}", "e s")
    p.text(260, 268, "step", "c s")
    p.text(66, 18, "loss of hidden words, held-out stories", "s")
    p.line((60, y(4.897)), (470, y(4.897)), kind="l d")
    p.text(474, y(4.897) + 4, "counting: 4.897", "s")
    for values, kind, dot, text in ((counting, "lr", "r", "BERT’s: 4.670"), (reading, "la", "a", "neighbours: 3.505")):
        points = [(x(50 * (i + 1)), y(v)) for i, v in enumerate(values)]
        p.line(*[(round(a, 1), round(b, 1)) for a, b in points], kind=kind)
        for a, b in points:
            p.dot(round(a, 1), round(b, 1), dot)
        p.text(474, points[-1][1] + 5, text, "s")
    p.save()


def uses():
    p = Picture("uses", "One encoder and the heads that can stand on it", 660, 200)
    p.box(12, 148, 636, 34, "n", "the pretrained encoder: text ─► one hidden state for each token")
    names = [("classify", "a class"), ("regress", "a number"), ("tag", "a label a word"), ("answer", "from … to"), ("embed", "a vector")]
    for i, (name, gives) in enumerate(names):
        x = 12 + 128 * i
        p.box(x, 84, 120, 34, "b", name, "c k")
        p.line((x + 60, 148), (x + 60, 120), arrow=True)
        p.line((x + 60, 84), (x + 60, 62), arrow=True)
        p.text(x + 60, 52, gives, "c")
    p.text(12, 22, "A new head, and a few minutes of training on labelled examples", "s")
    p.save()


def tests():
    p = Picture("tests", "Four kinds of test", 660, 152)
    rows = [("another program", "the same weights, the same batch: the same numbers?"),
            ("small changes", "( f(x + h) − f(x − h) ) / 2h: is it the gradient?"),
            ("a known best loss", "text that we made: how far above the best possible?"),
            ("mistakes on purpose", "break one line: does a test fail?")]
    for i, (name, text) in enumerate(rows):
        y = 12 + 34 * i
        p.box(12, y, 180, 28, "agbr"[i], name)
        p.text(208, y + 19, text)
    p.save()


def tree():
    p = Picture("tree", "A sum in a fixed tree", 660, 224)
    p.text(12, 26, "one after the other: each part waits for the part before", "k")
    for i in range(5):
        x = 12 + 122 * i
        p.box(x, 40, 100, 28, "r", " + ".join(["g0"] + ["…"] * (i > 1) + [f"g{i}"] * (i > 0)), "c m s")
        if i:
            p.line((x - 21, 54), (x - 2, 54), arrow=True)
    p.text(12, 102, "a fixed tree: parts are added in pairs, whoever computes them", "k")
    xs = [12 + 100 * i for i in range(5)]
    for i, x in enumerate(xs):
        p.box(x, 114, 60, 26, "a", f"g{i}", "c m")
    for (a, b), x in (((0, 1), 62), ((2, 3), 262)):
        p.line((xs[a] + 30, 141), (x + 20, 160), arrow=True)
        p.line((xs[b] + 30, 141), (x + 40, 160), arrow=True)
        p.box(x, 162, 60, 24, "g", "+", "c k")
    p.line((122, 180), (178, 196), arrow=True)
    p.line((262, 180), (232, 196), arrow=True)
    p.box(172, 194, 66, 24, "g", "+", "c k")
    p.line((238, 208), (408, 208), arrow=True)
    p.line((442, 141), (442, 194), arrow=True)
    p.box(410, 196, 64, 24, "g", "+", "c k")
    p.text(490, 213, "the gradient of a step", "s")
    p.save()


OUT.mkdir(parents=True, exist_ok=True)
for draw in (two_sides, two_tasks, steps, merges, pair, eighty, embedding_sum, attention, layer, heads, surprise, graph,
             schedule, curve, uses, tests, tree):
    draw()
