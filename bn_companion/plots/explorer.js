// Draws what the reader selects: every seed, means with intervals, accuracy over learning rate.
(() => {
  const INK = "#202020";
  const SHADE = "#e0e0e0";
  const OWN = "own";

  // Accuracies in ten thousandths, three letters each.
  const decode = (text) => {
    const digit = (place) => text.charCodeAt(place) - 65;
    return Array.from({ length: text.length / 3 }, (_, i) =>
      ((digit(3 * i) * 26 + digit(3 * i + 1)) * 26 + digit(3 * i + 2)) / 10000);
  };

  const summary = (scores, t) => {
    const mean = scores.reduce((sum, score) => sum + score, 0) / scores.length;
    const squares = scores.reduce((sum, score) => sum + (score - mean) ** 2, 0);
    const error = Math.sqrt(squares / (scores.length - 1) / scores.length);
    return { scores, mean, half: t * error };
  };

  // The runs of one condition: for each arm, a summary at every learning rate.
  const condition = (study, places) => {
    const cell = study.by.reduce((at, { values }, i) => at * values.length + places[i], 0);
    return study.arms.map((arm, i) => {
      const row = cell * study.arms.length + i;
      const rates = study.rates.map((_, j) => {
        const start = (row * study.rates.length + j) * study.seeds;
        return summary(study.test.slice(start, start + study.seeds), study.t);
      });
      return { ...arm, rates, best: study.chosen[row] };
    });
  };

  const traces = (study, arms, at) => arms.flatMap((arm, i) => {
    const shown = arm.rates[at(arm)];
    const marker = { color: arm.color, symbol: arm.symbol };
    const bars = (values) => ({ type: "data", array: values, color: arm.color, thickness: 1.5 });
    return [
      {
        x: study.rates, y: arm.rates.map(({ mean }) => mean), name: arm.label,
        error_y: bars(arm.rates.map(({ half }) => half)),
        mode: "lines+markers", line: { color: arm.color, dash: arm.dash, width: 2 },
        marker: { ...marker, size: 8 }, hovertemplate: "%{y:.3f}",
      },
      {
        x: [study.rates[at(arm)]], y: [shown.mean], mode: "markers", hoverinfo: "skip",
        marker: { color: arm.color, symbol: "circle-open", size: 17, line: { width: 2 } },
        showlegend: false,
      },
      {
        x: shown.scores.map((_, k) => i - 0.35 + (0.5 * (k + 0.5)) / study.seeds),
        y: shown.scores, xaxis: "x2", yaxis: "y2", mode: "markers", name: arm.label,
        marker: { ...marker, size: 6, opacity: 0.55 }, hovertemplate: "%{y:.3f}",
        showlegend: false,
      },
      {
        x: [i + 0.3], y: [shown.mean], xaxis: "x2", yaxis: "y2", mode: "markers",
        name: `${arm.label}, mean`, error_y: bars([shown.half]),
        marker: { ...marker, size: 10 }, hovertemplate: "%{y:.3f}", showlegend: false,
      },
    ];
  });

  const layout = (study, arms) => {
    const axis = { fixedrange: true, gridcolor: SHADE, linecolor: INK, zeroline: false };
    const title = (text) => ({ title: { text, standoff: 8 } });
    return {
      height: 600, autosize: true, dragmode: false, hovermode: "closest",
      margin: { l: 58, r: 10, t: 50, b: 40 }, paper_bgcolor: "#fff", plot_bgcolor: "#fff",
      font: { color: INK, size: 12 },
      legend: { orientation: "h", x: 0, y: 1.01, yanchor: "bottom", itemclick: false,
        itemdoubleclick: false },
      xaxis: { ...axis, ...title("learning rate"), type: "log", tickvals: study.rates,
        ticktext: study.rateLabels, tickangle: -45, anchor: "y" },
      yaxis: { ...axis, ...title("test accuracy, mean"), domain: [0.56, 1], range: [0, 1.03] },
      xaxis2: { ...axis, anchor: "y2", tickvals: arms.map((_, i) => i),
        ticktext: arms.map(({ label }) => label), range: [-0.5, arms.length - 0.5],
        showgrid: false },
      yaxis2: { ...axis, ...title("test accuracy, seeds"), domain: [0, 0.36], nticks: 6 },
    };
  };

  const fill = (table, study, arms, at, named) => {
    table.caption.textContent = named;
    arms.forEach((arm, i) => {
      const { mean, half } = arm.rates[at(arm)];
      const cells = table.tBodies[0].rows[i].cells;
      cells[1].textContent = study.rateLabels[at(arm)];
      cells[2].textContent = mean.toFixed(3);
      cells[3].textContent = `${(mean - half).toFixed(3)} to ${(mean + half).toFixed(3)}`;
    });
  };

  const bringToLife = (root) => {
    const study = JSON.parse(root.querySelector("script[type='application/json']").textContent);
    study.test = decode(study.test);
    const selects = [...root.querySelectorAll("select")];
    const plot = root.querySelector(".bn-explorer-plot");
    const show = () => {
      const places = selects.map(({ selectedIndex }) => selectedIndex);
      const rate = selects.at(-1).value;
      const at = (arm) => (rate === OWN ? arm.best : places.at(-1) - 1);
      const arms = condition(study, places);
      const named = selects.map(({ dataset, selectedOptions }) =>
        `${dataset.before ?? ""}${selectedOptions[0].text}`).join(", ");
      fill(root.querySelector("table"), study, arms, at, named);
      window.Plotly.react(plot, traces(study, arms, at), layout(study, arms),
        { displayModeBar: false, responsive: true });
    };
    root.dataset.live = "";
    root.querySelector(".bn-explorer-controls").hidden = false;
    root.querySelector(".bn-explorer-note").hidden = true;
    for (const select of selects) select.addEventListener("change", show);
    show();
  };

  const start = () => {
    if (!window.Plotly) return; // a notebook: the table stays
    document.querySelectorAll(".bn-explorer:not([data-live])").forEach(bringToLife);
  };
  if (document.readyState === "complete") start();
  else window.addEventListener("load", start);
})();
