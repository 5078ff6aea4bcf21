"use strict";
// A BERT in one file: text in, probabilities out, in plain JavaScript.
//
// The order is that of the data: weights, tokenizer, embeddings, encoder, heads. The shapes: a text of
// `n` tokens is an array of n vectors of `hidden` numbers. Names of weights are those of Hugging Face.
// Follows "BERT: Pre-training of Deep Bidirectional Transformers" (Devlin et al., 2019).

// ---- 1. The weights -------------------------------------------------------------------------------

/** The model: its configuration, its tokenizer, and each weight by name as a flat array.
 *  `description` lists the name, the size and the scale of each weight. `base64` holds their numbers in that
 *  order, as integers of 16 bits: a number of the model is its integer times the scale. */
function readModel(description, base64) {
  const bytes = atob(base64.trim()), weights = {};
  let at = 0;
  for (const [name, size, scale] of description.weights) {
    const values = weights[name] = new Float32Array(size);
    for (let i = 0; i < size; i++, at += 2) {
      const unsigned = bytes.charCodeAt(at) + 256 * bytes.charCodeAt(at + 1);
      values[i] = scale * (unsigned < 32768 ? unsigned : unsigned - 65536);
    }
  }
  return { config: description.config, tokenizer: readTokenizer(description.tokenizer), weights };
}

// ---- 2. The tokenizer: text → ids -----------------------------------------------------------------

/** The blocks of Chinese characters; each character of them is a word. */
const CHINESE = new RegExp("[\\u{4e00}-\\u{9fff}\\u{3400}-\\u{4dbf}\\u{f900}-\\u{faff}\\u{20000}-\\u{2a6df}"
  + "\\u{2a700}-\\u{2b73f}\\u{2b740}-\\u{2b81f}\\u{2b920}-\\u{2ceaf}\\u{2f800}-\\u{2fa1f}]", "gu");

/** The classes of characters come with the model, as ranges: the browser's own may be of a newer Unicode. */
function readTokenizer(tokenizer) {
  const { removed, punctuation, decomposed, marks, uppercase } = tokenizer.classes;
  const escaped = ([token]) => token.replace(/[\\^$.*+?()[\]{}|/]/g, "\\$&");
  const longestFirst = [...tokenizer.special].sort(([a], [b]) => b.length - a.length);
  return {
    ...tokenizer,
    ids: new Map(tokenizer.vocabulary.map((token, id) => [token, id])),
    specialIds: new Map(tokenizer.special),
    specialToken: new RegExp(`(${longestFirst.map(escaped).join("|")})`, "u"),
    removed: new RegExp(`[${removed}\\p{Surrogate}]`, "gu"),
    decomposed: new RegExp(`[${decomposed}]+`, "gu"),
    marks: new RegExp(`[${marks}]`, "gu"),
    uppercase: new RegExp(`[${uppercase}]`, "gu"),
    word: new RegExp(`[${punctuation}]|[^${punctuation}\\p{White_Space}]+`, "gu"),
  };
}

/** Removes control characters, separates Chinese characters, strips accents, lower-cases. */
function normalize(tokenizer, text) {
  text = text.replace(tokenizer.removed, "").replace(/\p{White_Space}/gu, " ");
  if (tokenizer.tokenizeChineseChars) text = text.replace(CHINESE, " $& ");
  if (tokenizer.stripAccents) {
    // "é" becomes "e" and a combining accent (NFD); then the accent goes.
    text = text.replace(tokenizer.decomposed, run => run.normalize("NFD"));
    text = text.replace(tokenizer.marks, "");
  }
  // One character at a time: a Greek sigma at the end of a word becomes σ as elsewhere.
  return tokenizer.lowerCase ? text.replace(tokenizer.uppercase, letter => letter.toLowerCase()) : text;
}

/** The words of normalized text. A punctuation character is a word by itself. */
function words(tokenizer, normalized) {
  return normalized.match(tokenizer.word) ?? [];
}

/** WordPiece: the longest piece of the vocabulary that the word begins with, then the longest that
 *  continues it (written with ##), and so on. A word that cannot be cut so is [UNK]. */
function wordPieces(tokenizer, word) {
  const characters = Array.from(word), unknown = [tokenizer.ids.get("[UNK]")], pieces = [];
  if (characters.length > tokenizer.maxCharactersPerWord) return unknown;
  for (let start = 0, end; start < characters.length; start = end) {
    const piece = () => (start > 0 ? "##" : "") + characters.slice(start, end).join("");
    end = characters.length;
    while (end > start && !tokenizer.ids.has(piece())) end--;
    if (end === start) return unknown;
    pieces.push(tokenizer.ids.get(piece()));
  }
  return pieces;
}

/** The ids of a text. Special tokens such as [MASK] stay whole. */
function tokenize(tokenizer, text) {
  // Every second part is a special token.
  return text.split(tokenizer.specialToken).flatMap((part, i) => i % 2
    ? [tokenizer.specialIds.get(part)]
    : words(tokenizer, normalize(tokenizer, part)).flatMap(word => wordPieces(tokenizer, word)));
}

/** What the model reads: [CLS] first [SEP], or [CLS] first [SEP] second [SEP]. Segment 0 ends with the
 *  first [SEP]. */
function sequence(tokenizer, first, second) {
  const id = token => tokenizer.ids.get(token);
  const ids = [id("[CLS]"), ...tokenize(tokenizer, first), id("[SEP]")];
  const segments = ids.map(() => 0);
  if (second !== undefined) ids.push(...tokenize(tokenizer, second), id("[SEP]"));
  while (segments.length < ids.length) segments.push(1);
  return { ids, segments };
}

// ---- 3. The functions that the layers are made of --------------------------------------------------

/** W x + b for each vector x. W has one row of weights for each output. */
function linear({ weights }, name, vectors) {
  const weight = weights[`${name}.weight`], bias = weights[`${name}.bias`];
  return vectors.map(x => bias.map((b, row) => b + dot(weight, row * x.length, x, 0, x.length)));
}

/** The sum of a[i] b[i] over `length` numbers, from a[aStart] and b[bStart] on. */
function dot(a, aStart, b, bStart, length) {
  let sum = 0;
  for (let i = 0; i < length; i++) sum += a[aStart + i] * b[bStart + i];
  return sum;
}

/** Each vector with mean 0 and variance 1, then scaled by a learned weight and shifted by a learned bias. */
function layerNorm({ weights, config }, name, vectors) {
  const weight = weights[`${name}.weight`], bias = weights[`${name}.bias`];
  return vectors.map(x => {
    const mean = x.reduce((sum, value) => sum + value, 0) / x.length;
    const variance = x.reduce((sum, value) => sum + (value - mean) ** 2, 0) / x.length;
    const deviation = Math.sqrt(variance + config.layer_norm_eps);
    return x.map((value, i) => (value - mean) / deviation * weight[i] + bias[i]);
  });
}

/** Positive numbers that sum to 1: exp of each, divided by the sum. */
function softmax(logits) {
  const most = logits.reduce((a, b) => Math.max(a, b)); // no exp overflows
  const exps = logits.map(logit => Math.exp(logit - most));
  const sum = exps.reduce((a, b) => a + b, 0);
  return exps.map(exp => exp / sum);
}

/** x times the probability that a standard normal number is below x. */
function gelu(x) {
  return x * 0.5 * (1 + erf(x / Math.SQRT2));
}

/** The error function, to 1.5e-7 (Abramowitz and Stegun, 7.1.26). */
function erf(x) {
  const t = 1 / (1 + 0.3275911 * Math.abs(x));
  const polynomial = [1.061405429, -1.453152027, 1.421413741, -0.284496736, 0.254829592, 0]
    .reduce((value, coefficient) => value * t + coefficient);
  return Math.sign(x) * (1 - polynomial * Math.exp(-x * x));
}

/** The sum of two vectors; the sums of two lists of vectors. */
const sum = (a, b) => a.map((value, i) => value + b[i]);
const sums = (a, b) => a.map((vector, i) => sum(vector, b[i]));

// ---- 4. The encoder: ids → one vector for each token -----------------------------------------------

/** Row `index` of a table of embeddings. */
function row({ weights, config }, name, index) {
  const table = weights[`bert.embeddings.${name}.weight`], size = config.hidden_size;
  return table.subarray(index * size, (index + 1) * size);
}

/** What is known of each token before it has seen the others: which piece, where, in which sentence. */
function embeddings(model, { ids, segments }) {
  const vectors = ids.map((id, position) => sum(
    sum(row(model, "word_embeddings", id), row(model, "position_embeddings", position)),
    row(model, "token_type_embeddings", segments[position])));
  return layerNorm(model, "bert.embeddings.LayerNorm", vectors);
}

/** Self-attention: each token (the query) reads every token (the keys), left and right, and takes the
 *  mean of their values with these probabilities. Returns the means and the probabilities
 *  [head][query][key]. */
function selfAttention(model, name, vectors) {
  const project = part => linear(model, `${name}.${part}`, vectors);
  const [queries, keys, values] = ["query", "key", "value"].map(project);
  const heads = model.config.num_attention_heads, size = model.config.hidden_size / heads;
  const means = vectors.map(x => new Float32Array(x.length)), probabilities = [];
  for (let head = 0, from = 0; head < heads; head++, from += size) {
    // How well each key fits the query: their product, divided by √size.
    const fit = (query, key) => dot(query, from, key, from, size) / Math.sqrt(size);
    probabilities.push(queries.map(query => softmax(keys.map(key => fit(query, key)))));
    probabilities[head].forEach((looks, query) => looks.forEach((probability, key) => {
      for (let i = from; i < from + size; i++) means[query][i] += probability * values[key][i];
    }));
  }
  return { means, probabilities };
}

/** One layer: attention, then a feed-forward network for each token; each adds to what was there. */
function encoderLayer(model, name, vectors) {
  const { means, probabilities } = selfAttention(model, `${name}.attention.self`, vectors);
  const attended = linear(model, `${name}.attention.output.dense`, means);
  const x = layerNorm(model, `${name}.attention.output.LayerNorm`, sums(attended, vectors));
  const inner = linear(model, `${name}.intermediate.dense`, x).map(inner => inner.map(gelu));
  const outer = linear(model, `${name}.output.dense`, inner);
  return { vectors: layerNorm(model, `${name}.output.LayerNorm`, sums(outer, x)), probabilities };
}

/** All layers. Returns the last vectors, and the attention [layer][head][query][key]. */
function encoder(model, tokens) {
  let vectors = embeddings(model, tokens);
  const attention = [];
  for (let layer = 0; layer < model.config.num_hidden_layers; layer++) {
    const done = encoderLayer(model, `bert.encoder.layer.${layer}`, vectors);
    vectors = done.vectors;
    attention.push(done.probabilities);
  }
  return { vectors, attention };
}

// ---- 5. The heads: vectors → answers ----------------------------------------------------------------

/** Masked language modelling: the probability of each piece of the vocabulary, from one vector. */
function maskedLm(model, vector) {
  const name = "cls.predictions.transform";
  const inner = linear(model, `${name}.dense`, [vector]).map(inner => inner.map(gelu));
  const [x] = layerNorm(model, `${name}.LayerNorm`, inner);
  // The decoder is the table of word embeddings: a piece is likely when its embedding points where x does.
  const table = model.weights["bert.embeddings.word_embeddings.weight"];
  const bias = model.weights["cls.predictions.bias"];
  return softmax(bias.map((b, id) => b + dot(table, id * x.length, x, 0, x.length)));
}

/** Next-sentence prediction: the probability that the second sentence follows the first. `vector` is that of
 *  [CLS]. */
function nextSentence(model, vector) {
  const pooled = linear(model, "bert.pooler.dense", [vector]).map(x => x.map(Math.tanh));
  const [logits] = linear(model, "cls.seq_relationship", pooled);
  return softmax(logits)[0];
}

/** The `top` likeliest pieces for each [MASK] of a text. */
function fillMask(model, text, top) {
  const { tokenizer } = model, tokens = sequence(tokenizer, text);
  const { vectors, attention } = encoder(model, tokens), masks = [];
  tokens.ids.forEach((id, position) => {
    if (id !== tokenizer.ids.get("[MASK]")) return;
    const probabilities = maskedLm(model, vectors[position]);
    const order = Array.from(probabilities.keys());
    order.sort((a, b) => probabilities[b] - probabilities[a] || a - b);
    const prediction = id => ({ id, token: tokenizer.vocabulary[id] ?? "", probability: probabilities[id] });
    masks.push({ position, predictions: order.slice(0, top).map(prediction) });
  });
  return { ...tokens, masks, attention };
}
