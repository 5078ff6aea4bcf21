"use strict";
// Shows attention: one token looks, and each token gets a bar with the share of it.

/** A new element: its name, its properties and attributes, and what is inside. */
function element(name, properties = {}, ...inside) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(properties)) {
    if (key in made) made[key] = value;
    else made.setAttribute(key, value);
  }
  made.append(...inside);
  return made;
}

/** A probability as text: "12.3 %"; "<0.1 %" for one that is not 0 but would be shown as 0. */
function percent(probability) {
  return probability > 0 && probability < 0.0005 ? "<0.1 %" : `${(100 * probability).toFixed(1)} %`;
}

/** Fills `place` with controls for layer and head, the tokens, and a table. Returns `show(tokens, attention)`
 *  for attention [layer][head][query][key]. */
function attentionView(place) {
  /** More tokens than this make a table that nobody reads. */
  const MOST_IN_TABLE = 64;
  let tokens = [], attention = [], query;
  const layer = element("select"), head = element("select");
  const summary = element("p", { role: "status" });
  const row = element("div", { className: "tokens", role: "group" });
  row.setAttribute("aria-label", "Tokens. Choose the one that looks.");
  const table = element("div", { className: "scroll", tabIndex: 0, role: "region" });
  table.setAttribute("aria-label", "Attention as a table");
  const details = element("details", {}, element("summary", {}, "All tokens as a table"), table);
  place.replaceChildren(
    element("p", { className: "choices" },
      element("label", {}, "Layer ", layer), element("label", {}, "Head ", head)),
    summary, row, details);
  layer.onchange = head.onchange = draw;
  details.ontoggle = draw;

  /** Lets token `index` look. */
  function choose(index) {
    query = index;
    draw();
  }

  function show(newTokens, newAttention) {
    tokens = newTokens;
    attention = newAttention;
    // At first the blank looks, if there is one.
    query = Math.min(query ?? Math.max(0, tokens.indexOf("[MASK]")), tokens.length - 1);
    fillChoices(layer, attention.length);
    fillChoices(head, attention[0]?.length ?? 0);
    row.replaceChildren(...tokens.map((token, index) => {
      const button = element("button", { type: "button" }, element("span", { className: "token" }, token),
        element("span", { className: "meter" }), element("span", { className: "share" }));
      button.onclick = button.onfocus = () => choose(index);
      button.onpointerenter = event => event.pointerType === "mouse" && choose(index);
      return button;
    }));
    draw();
  }

  /** Numbers from 1 in a `select`; what was chosen stays chosen. */
  function fillChoices(select, count) {
    if (select.length === count) return;
    const chosen = Math.max(0, Math.min(select.selectedIndex, count - 1));
    select.replaceChildren(...Array.from({ length: count }, (_, i) => element("option", {}, String(i + 1))));
    select.selectedIndex = chosen;
  }

  row.onkeydown = event => {
    const keys = { ArrowLeft: query - 1, ArrowRight: query + 1, Home: 0, End: tokens.length - 1 };
    if (!(event.key in keys)) return;
    event.preventDefault();
    row.children[keys[event.key]]?.focus();
  };

  function draw() {
    const matrix = attention[layer.selectedIndex]?.[head.selectedIndex];
    if (!matrix) {
      summary.textContent = "This model has no layers.";
      return;
    }
    const looks = Array.from(matrix[query]);
    Array.from(row.children).forEach((button, key) => {
      const [, bar, share] = button.children;
      bar.style.setProperty("--share", looks[key]);
      share.textContent = `${(100 * looks[key]).toFixed(0)} %`;
      button.setAttribute("aria-pressed", key === query);
      // One stop of the Tab key for the whole row; the arrow keys move inside it.
      button.tabIndex = key === query ? 0 : -1;
    });
    const order = Array.from(looks.keys()).sort((a, b) => looks[b] - looks[a]);
    const most = order.slice(0, 3).filter(key => looks[key] >= 0.01).map(key => `“${tokens[key]}” ${percent(looks[key])}`).join(", ");
    const distance = looks.reduce((sum, look, key) => sum + look * Math.abs(key - query), 0);
    summary.textContent = `In layer ${layer.selectedIndex + 1}, head ${head.selectedIndex + 1}, “${tokens[query]}” `
      + `looks most at ${most}. On average it looks ${distance.toFixed(1)} tokens away.`;
    if (details.open) drawTable(matrix);
  }

  function drawTable(matrix) {
    if (tokens.length > MOST_IN_TABLE) {
      table.replaceChildren(element("p", {}, `The table is shown for up to ${MOST_IN_TABLE} tokens; this text has ${tokens.length}.`));
      return;
    }
    const heading = (scope, token) => element("th", { scope }, token);
    const cell = share => {
      const made = element("td", { className: "attention-share" }, (100 * share).toFixed(0));
      made.style.setProperty("--share", share);
      return made;
    };
    table.replaceChildren(element("table", {},
      element("caption", {}, "Each row: where the token at its left looks, in %."),
      element("thead", {}, element("tr", {}, element("td"), ...tokens.map(token => heading("col", token)))),
      element("tbody", {}, ...tokens.map((token, i) =>
        element("tr", {}, heading("row", token), ...Array.from(matrix[i], cell))))));
  }

  return show;
}
