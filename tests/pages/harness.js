// Asks the scripts of a page, and writes their answers into the page. `question` is set before this script.
function digest(text) {
  // FNV-1a over the UTF-16 units.
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193) >>> 0;
  return hash;
}

function answer(question) {
  const description = JSON.parse(document.getElementById("model-description").textContent);
  const model = readModel(description, document.getElementById("model-weights").textContent);
  const texts = question.texts.map(text => {
    const { ids, segments, masks } = fillMask(model, text, 10);
    return { ids, segments, masks };
  });
  const pairs = question.pairs.map(([a, b]) => {
    const tokens = sequence(model.tokenizer, a, b);
    return { ...tokens, follows: nextSentence(model, encoder(model, tokens).vectors[0]) };
  });
  const settings = question.settings.map(setting => {
    const tokenizer = { ...model.tokenizer, ...setting.options };
    const ids = setting.texts.map(text => sequence(tokenizer, text).ids);
    const blocks = [];
    for (let first = 0; setting.scalars && first < 0x110000; first += 256) {
      let text = "";
      for (let scalar = first; scalar < first + 256; scalar++) {
        if (scalar >= 0xd800 && scalar < 0xe000) continue;
        const character = String.fromCodePoint(scalar);
        text += `a${character}b ${character} \n`;
      }
      blocks.push(digest(words(tokenizer, normalize(tokenizer, text)).join(" ")));
    }
    return { ids, blocks };
  });
  const gelus = Array.from({ length: 1201 }, (_, i) => gelu((i - 600) / 100));
  return { texts, pairs, settings, gelus };
}

/** Uses the page as a person does, and reads what it then shows. */
function use() {
  const byId = id => document.getElementById(id), shown = id => byId(id).textContent;
  const type = (id, text) => {
    byId(id).value = text;
    byId(id).dispatchEvent(new Event("input"));
  };
  const steps = [];
  const look = what => steps.push({
    what,
    problem: shown("try-problem"),
    answers: Array.from(byId("try-answers").querySelectorAll("tr"), row => [row.children[0].textContent, row.children[1].textContent]),
    tokens: Array.from(byId("try-attention").querySelectorAll(".tokens .token"), token => token.textContent),
    shares: Array.from(byId("try-attention").querySelectorAll(".tokens .share"), share => share.textContent),
    looks: byId("try-attention").querySelector("[role=status]").textContent,
    follows: shown("try-follows"),
  });
  look("at first");
  type("try-text", question.typed);
  look("typed");
  const row = byId("try-attention").querySelector(".tokens");
  row.children[0].focus();
  for (const key of ["ArrowRight", "ArrowRight", "End", "ArrowRight", "ArrowLeft"]) {
    document.activeElement.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true }));
  }
  const [layer, head] = byId("try-attention").querySelectorAll("select");
  layer.selectedIndex = 1;
  layer.dispatchEvent(new Event("change"));
  head.selectedIndex = 1;
  head.dispatchEvent(new Event("change"));
  look("moved");
  row.children[1].dispatchEvent(new PointerEvent("pointerenter", { pointerType: "mouse" }));
  look("pointed");
  type("try-text", "no blank here");
  look("no blank");
  byId("try-text").setSelectionRange(3, 8);
  byId("try-blank").click();
  look("blank put");
  type("try-text", "a ".repeat(2000));
  look("too long");
  type("try-text", "");
  look("empty");
  type("try-a", question.pairs[0][0]);
  type("try-b", question.pairs[0][1]);
  look("pair");
  type("try-b", "");
  look("half a pair");
  return steps;
}

addEventListener("load", () => {
  let found = {};
  try {
    found = { use: use(), ...answer(question) };
  } catch (error) {
    problems.push(`exception: ${error.stack}`);
  }
  // Behind the events that are on their way.
  setTimeout(() => {
    const resources = performance.getEntriesByType("resource").map(entry => entry.name);
    const json = JSON.stringify({ ...found, problems, resources });
    const result = document.createElement("pre");
    result.id = "harness-result";
    result.textContent = json.replace(/[^\x20-\x7e]|[<>&]/g, c => "\\u" + c.charCodeAt(0).toString(16).padStart(4, "0"));
    document.body.append(result);
  }, 200);
});
