// The curves of a report: the slider below a chart, and pointing at it, show the values of all curves at a step.
"use strict";

for (const figure of document.querySelectorAll("figure.plot")) {
  const svg = figure.querySelector("svg");
  const cursor = svg.querySelector(".cursor");
  const slider = figure.querySelector("input");
  const values = figure.querySelector("output");
  const place = (circle) => Number(circle.getAttribute("cx"));
  const curves = [...svg.querySelectorAll(".points")].map((curve) => [...curve.querySelectorAll("circle")]);
  const places = [...new Set(curves.flat().map(place))].sort((a, b) => a - b);

  // The one of `list` that is nearest to x.
  const nearest = (list, x, of) => list.reduce((best, one) => (Math.abs(of(one) - x) < Math.abs(of(best) - x) ? one : best));

  const show = (index) => {
    const x = places[index];
    svg.querySelectorAll(".shown").forEach((circle) => circle.classList.remove("shown"));
    const shown = curves.filter((curve) => curve.length > 0).map((curve) => nearest(curve, x, place));
    shown.forEach((circle) => circle.classList.add("shown"));
    cursor.setAttribute("x1", x);
    cursor.setAttribute("x2", x);
    cursor.setAttribute("visibility", "visible");
    const texts = shown.map((circle) => circle.querySelector("title").textContent);
    slider.setAttribute("aria-valuetext", texts.join("; "));
    values.replaceChildren(...texts.map((text) => Object.assign(document.createElement("div"), { textContent: text })));
  };

  slider.max = places.length - 1;
  slider.value = slider.max;
  slider.parentElement.hidden = places.length < 2;
  show(places.length - 1);
  slider.addEventListener("input", () => show(Number(slider.value)));
  svg.addEventListener("pointermove", (event) => {
    const box = svg.getBoundingClientRect();
    const x = ((event.clientX - box.left) / box.width) * svg.viewBox.baseVal.width;
    slider.value = places.indexOf(nearest(places, x, (one) => one));
    show(Number(slider.value));
  });
}

// While a run goes on, the page loads itself again; the checkbox stops that.
const reload = document.getElementById("reload");
if (reload) {
  setInterval(() => reload.checked && location.reload(), 1000 * reload.dataset.seconds);
}
