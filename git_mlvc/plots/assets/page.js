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
        layout: { bottom: { anchor: "start", bounds: "full", direction: "vertical", margin: 4 } },
      },
      header: { labelColor: "currentColor", titleColor: "currentColor" },
      title: { color: "currentColor", anchor: "start", fontSize: 13, fontWeight: 600 },
      text: { color: "currentColor" },
    },
  };

  // As a number: a signal here would leave the height of the chart as it was before.
  const fitted = (place, spec) => {
    // Legends begin where the axis ends; names of bars take more of the room than numbers do.
    const room = place.clientWidth - (spec.encoding?.y?.type === "nominal" ? 200 : 90);
    const label = Math.min(widest(spec) + 4, room - 40);
    const columns = Math.max(1, Math.floor(room / (label + 40)));
    const legend = { ...options.config.legend, columns, labelLimit: label };
    return { ...options, config: { ...options.config, legend } };
  };

  const pen = document.createElement("canvas").getContext("2d");

  // How many pixels the longest name in a legend takes.
  const widest = (spec) => {
    pen.font = "12px system-ui, sans-serif";
    const names = new Set();
    const look = (part) => {
      for (const name of part?.encoding?.color?.scale?.domain ?? []) names.add(String(name));
      for (const layer of part?.layer ?? []) look(layer);
    };
    look(spec);
    return Math.max(40, ...[...names].map((name) => Math.ceil(pen.measureText(name).width)));
  };

  const draw = async () => {
    const specs = JSON.parse(document.getElementById("specs").textContent);
    let failed = 0;
    for (const place of document.querySelectorAll("[data-spec]")) {
      try {
        const spec = specs[Number(place.dataset.spec)];
        const drawn = await vegaEmbed(place, spec, fitted(place, spec));
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
        const shown = document.getElementById(choice.selectedOptions[0].dataset.image);
        put(image, shown.getAttribute("src"));
        image.alt = choice.value;
        image.classList.toggle("small", shown.classList.contains("small"));
      }
      move();
    };
    box.closest(".series")?.addEventListener("moved", choose);
    range.addEventListener("input", move);
    left.addEventListener("change", choose);
    right.addEventListener("change", choose);
    choose();
  };

  const put = (image, address) => {
    if (address === null) image.removeAttribute("src");
    else if (image.getAttribute("src") !== address) image.src = address;
    image.hidden = address === null;
  };

  const held = JSON.parse(document.getElementById("images").textContent);

  const series = (box) => {
    const { steps, frames } = held.series[Number(box.dataset.series)];
    const range = box.querySelector(".steps input");
    const images = [...box.querySelectorAll(".images img")];
    const move = () => {
      const step = steps[range.value].toLocaleString("en");
      box.querySelector("output").textContent = step;
      range.setAttribute("aria-valuetext", `step ${step}`);
      frames[range.value].forEach((number, at) => {
        put(images[at], number === null ? null : held.images[number]);
        images[at].alt = `${images[at].dataset.alt}, step ${step}`;
        images[at].nextElementSibling.hidden = number !== null;
      });
      box.dispatchEvent(new Event("moved"));
    };
    range.addEventListener("input", move);
    move();
  };

  document.querySelectorAll(".series").forEach(series);
  document.querySelectorAll(".compare").forEach(compare);
  draw();
})();
