// The inputs and answers of the part "Try the model". The model itself is in the script above.

const byId = id => document.getElementById(id);
const model = readModel(JSON.parse(byId("model-description").textContent), byId("model-weights").textContent);
const showAttention = attentionView(byId("try-attention"));
byId("try-code").textContent = byId("model-code").textContent.trim();

/** Bars with their probabilities, as a table. */
function probabilityTable(caption, rows) {
  return element("table", { className: "answers" }, element("caption", {}, caption),
    ...rows.map(([name, probability]) => {
      const bar = element("span", { className: "meter" });
      bar.style.setProperty("--share", probability);
      return element("tr", {}, element("th", { scope: "row", className: "token" }, name),
        element("td", { className: "number" }, percent(probability)), element("td", { className: "meters" }, bar));
    }));
}

/** What is wrong with a text of these tokens; nothing when it can be answered. */
function problem({ ids }) {
  const most = model.config.max_position_embeddings;
  return ids.length > most
    ? `The text has ${ids.length} tokens with its special tokens. The model reads at most ${most}: shorten it.` : "";
}

function answerBlanks() {
  const text = byId("try-text").value, tokens = sequence(model.tokenizer, text);
  const wrong = problem(tokens);
  byId("try-problem").textContent = wrong;
  if (wrong) return byId("try-answers").replaceChildren();
  const answer = fillMask(model, text, 5);
  if (answer.masks.length === 0) {
    byId("try-problem").textContent = "The text has no blank. Write [MASK] where a word is missing.";
  }
  byId("try-answers").replaceChildren(...answer.masks.map(({ position, predictions }, i) => probabilityTable(
    `${answer.masks.length > 1 ? `Blank ${i + 1}` : "The blank"} (token ${position}): the likeliest pieces`,
    predictions.map(({ token, probability }) => [token, probability]))));
  showAttention(answer.ids.map(id => model.tokenizer.vocabulary[id]), answer.attention);
}

function answerPair() {
  const a = byId("try-a").value, b = byId("try-b").value;
  const tokens = sequence(model.tokenizer, a, b);
  const wrong = a.trim() && b.trim() ? problem(tokens) : "Write a sentence in both fields.";
  byId("try-follows").textContent = wrong;
  if (wrong) return byId("try-follows-bar").replaceChildren();
  const follows = nextSentence(model, encoder(model, tokens).vectors[0]);
  byId("try-follows").textContent = `${percent(follows)} that B follows A, ${percent(1 - follows)} that B is random.`;
  byId("try-follows-bar").replaceChildren(probabilityTable("Does B follow A?", [["follows", follows], ["random", 1 - follows]]));
}

byId("try-text").oninput = answerBlanks;
byId("try-blank").onclick = () => {
  const text = byId("try-text");
  text.setRangeText("[MASK]", text.selectionStart, text.selectionEnd, "end");
  text.focus();
  answerBlanks();
};
answerBlanks();
if (byId("try-a")) {
  byId("try-a").oninput = byId("try-b").oninput = answerPair;
  answerPair();
}
