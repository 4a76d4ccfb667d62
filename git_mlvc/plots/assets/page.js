"use strict";
// Draws the charts of the page and moves its sliders. All data is in the page; nothing is loaded.
(() => {
  const refuse = () => Promise.reject(new Error("a page of plots loads nothing"));
  const options = {
    mode: "vega-lite",
    renderer: "svg",
    ast: true, // expressions are interpreted: nothing in a template becomes a program
    actions: { export: true, source: false, compiled: false, editor: false },
    loader: { load: refuse, sanitize: refuse, http: refuse, file: refuse },
    tooltip: { theme: "plots" },
    downloadFileName: "plot",
    config: {
      background: "transparent",
      font: "system-ui, sans-serif",
      view: { stroke: null },
      axis: {
        labelColor: "currentColor", titleColor: "currentColor",
        gridColor: "currentColor", gridOpacity: 0.12,
        domainColor: "currentColor", domainOpacity: 0.4,
        tickColor: "currentColor", tickOpacity: 0.4,
        labelFontSize: 12, labelSeparation: 6, titleFontSize: 12, titleFontWeight: 500, titlePadding: 8,
      },
      legend: {
        orient: "bottom", direction: "horizontal",
        labelColor: "currentColor", titleColor: "currentColor", labelFontSize: 12, labelLimit: 150,
        symbolStrokeWidth: 3,
      },
      header: { labelColor: "currentColor", titleColor: "currentColor" },
      title: { color: "currentColor", anchor: "start", fontSize: 13, fontWeight: 600 },
      text: { color: "currentColor" },
    },
  };

  // As a number: a signal here would leave the height of the chart as it was before.
  const fitted = (place) => {
    const columns = Math.max(1, Math.floor((place.clientWidth - 60) / 130));
    const legend = { ...options.config.legend, columns };
    return { ...options, config: { ...options.config, legend } };
  };

  const draw = async () => {
    const specs = JSON.parse(document.getElementById("specs").textContent);
    let failed = 0;
    for (const place of document.querySelectorAll("[data-spec]")) {
      try {
        const drawn = await vegaEmbed(place, specs[Number(place.dataset.spec)], fitted(place));
        place.view = drawn.view;
      } catch (error) {
        failed += 1;
        place.textContent = "This cannot be drawn: " + error.message;
        place.classList.add("failed");
      }
    }
    document.documentElement.dataset.drawn = failed ? "failed" : "all";
  };

  const compare = (box) => {
    const range = box.querySelector("input[type=range]");
    const top = box.querySelector(".top");
    const rule = box.querySelector(".rule");
    const [left, right] = box.querySelectorAll("select");
    const move = () => {
      top.style.clipPath = `inset(0 ${100 - range.value}% 0 0)`;
      rule.style.left = range.value + "%";
      range.setAttribute("aria-valuetext", `${range.value} % ${left.value}`);
    };
    const choose = () => {
      for (const [image, choice] of [[top, left], [box.querySelector(".below"), right]]) {
        image.src = document.getElementById(choice.selectedOptions[0].dataset.image).src;
        image.alt = choice.value;
      }
      move();
    };
    range.addEventListener("input", move);
    left.addEventListener("change", choose);
    right.addEventListener("change", choose);
    choose();
  };

  document.querySelectorAll(".compare").forEach(compare);
  draw();
})();
