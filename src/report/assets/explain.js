// Shows the attention of the explained text. The data are thousandths: [layer][head][query][key].
const { tokens, attention } = JSON.parse(document.getElementById("attention-data").textContent);
const toShares = values => Array.isArray(values) ? values.map(toShares) : values / 1000;
attentionView(document.getElementById("attention-view"))(tokens, toShares(attention));
