/* SPDX-License-Identifier: Apache-2.0 */
/* Draws the charts of the page from its embedded data. Everything here is also in the tables. */
(function () {
  "use strict";
  var holder = document.getElementById("chart-data");
  if (!holder || typeof Chart === "undefined") return;
  var data = JSON.parse(holder.textContent);
  var charts = [];
  document.documentElement.classList.add("scripted");
  document.querySelectorAll("details.numbers").forEach(function (d) { d.open = false; });

  function colour(name) { return getComputedStyle(document.documentElement).getPropertyValue("--" + name).trim(); }
  function round(v) {
    if (v === null || v === undefined || !isFinite(v)) return "";
    return String(+v.toPrecision(5));
  }
  function seconds(s) {
    if (s < 1e-3) return +(s * 1e6).toPrecision(3) + " us";
    if (s < 1) return +(s * 1e3).toPrecision(3) + " ms";
    return s < 120 ? +s.toPrecision(3) + " s" : +(s / 60).toPrecision(3) + " min";
  }
  function axis(title, more) {
    return Object.assign({
      title: { display: !!title, text: title, color: colour("muted") },
      ticks: { color: colour("muted"), maxRotation: 0, autoSkipPadding: 12 },
      grid: { color: colour("grid"), borderColor: colour("line") }
    }, more || {});
  }
  /* Powers of ten are labelled, and 2 and 5 where the range is short. */
  function log(title, values, text) {
    var positive = values.filter(function (v) { return v > 0; });
    var low = Math.min.apply(null, positive), high = Math.max.apply(null, positive);
    var short = high / low < 300;
    return axis(title, {
      type: "logarithmic", min: low / 1.4, max: high * 1.4,
      ticks: {
        color: colour("muted"), maxRotation: 0, autoSkip: true, autoSkipPadding: 10,
        callback: function (v) {
          var d = v / Math.pow(10, Math.floor(Math.log10(v) + 1e-9)), m = Math.round(d);
          if (Math.abs(d - m) > 1e-6) return null; /* an end of the axis */
          return m === 1 || (short && (m === 2 || m === 5)) ? text(v) : null;
        }
      }
    });
  }
  function options(x, y, label, more) {
    return Object.assign({
      responsive: true, maintainAspectRatio: false, animation: false, normalized: true,
      plugins: {
        legend: { position: "bottom", labels: { color: colour("text"), boxWidth: 9, boxHeight: 7, usePointStyle: true } },
        tooltip: { callbacks: { label: label } }
      },
      scales: { x: x, y: y }
    }, more || {});
  }
  function points(label, list, name, style) {
    return Object.assign({ type: "scatter", label: label, data: list, backgroundColor: colour(name), borderColor: colour(name), pointRadius: 4, pointHoverRadius: 6 }, style || {});
  }
  function line(label, list, name, style) {
    return Object.assign({ type: "line", label: label, data: list, borderColor: colour(name), backgroundColor: colour(name), borderWidth: 2, pointRadius: 0, fill: false }, style || {});
  }
  function near(ctx, text) { return ctx.raw && ctx.raw.text !== undefined ? ctx.raw.text : text(ctx); }

  var draw = {
    scores: function () {
      var rows = data.board.slice(0, 20);
      var labels = rows.map(function (r) { return r.rank + "  " + r.learner; });
      var value = function (c) {
        var r = rows[c.dataIndex];
        return "validation " + round(r.validation) + (r.low !== null ? " (" + round(r.low) + " to " + round(r.high) + ")" : "") + (r.test !== null ? ", test " + round(r.test) : "");
      };
      var sets = [
        { type: "line", label: "validation", data: rows.map(function (r) { return r.validation; }), showLine: false, pointRadius: 4, backgroundColor: colour("a"), borderColor: colour("a") },
        { type: "bar", label: "95 % interval", data: rows.map(function (r) { return r.low === null ? null : [r.low, r.high]; }), backgroundColor: colour("a-soft"), barThickness: 8, borderRadius: 3, borderSkipped: false, pointStyle: "rect" }
      ];
      if (rows.some(function (r) { return r.test !== null; }))
        sets.splice(1, 0, { type: "line", label: "test", data: rows.map(function (r) { return r.test; }), showLine: false, pointRadius: 4, pointStyle: "triangle", backgroundColor: colour("b"), borderColor: colour("b") });
      var all = [];
      rows.forEach(function (r) { [r.validation, r.low, r.high, r.test].forEach(function (v) { if (v !== null) all.push(v); }); });
      var low = Math.min.apply(null, all), high = Math.max.apply(null, all), pad = (high - low || Math.abs(high) || 1) * .05;
      return {
        type: "bar", data: { labels: labels, datasets: sets },
        options: options(axis(data.metric, { min: low - pad, max: high + pad, ticks: { color: colour("muted"), callback: round, includeBounds: false, maxRotation: 0, autoSkipPadding: 12 } }), axis("", { ticks: { color: colour("text"), autoSkip: false } }), value, { indexAxis: "y" })
      };
    },
    timeline: function () {
      var list = data.timeline.map(function (p) { return { x: p[0], y: p[1] }; });
      var end = data.elapsed || list[list.length - 1].x;
      if (end > list[list.length - 1].x) list.push({ x: end, y: list[list.length - 1].y });
      var first = Math.max(list[0].x, 1e-4);
      var x = end / first > 40 ? log("time", list.map(function (p) { return Math.max(p.x, 1e-4); }), seconds)
        : axis("time", { type: "linear", min: 0, ticks: { color: colour("muted"), callback: seconds, maxRotation: 0, autoSkipPadding: 12 } });
      return {
        type: "scatter", data: { datasets: [line("best " + data.metric, list, "a", { stepped: "before", pointRadius: 2 })] },
        options: options(x, axis(data.metric, { grace: "5%", ticks: { color: colour("muted"), callback: round } }), function (c) { return round(c.raw.y) + " after " + seconds(c.raw.x); })
      };
    },
    latency: function () {
      var rows = data.board.filter(function (r) { return r.us > 0 && r.validation !== null; });
      var at = function (r) { return { x: r.us * 1e-6, y: r.validation, text: r.rank + " " + r.learner + ": " + round(r.validation) + ", " + seconds(r.us * 1e-6) + " a row" }; };
      var front = rows.filter(function (r) { return r.pareto; }).map(at).sort(function (p, q) { return p.x - q.x; });
      var sets = [points("models", rows.filter(function (r) { return !r.pareto; }).map(at), "a")];
      if (front.length) sets.unshift(line("Pareto front", front, "c", { pointRadius: 5, stepped: "before", pointStyle: "rectRot" }));
      return {
        type: "scatter", data: { datasets: sets },
        options: options(log("time to predict a row", rows.map(function (r) { return r.us * 1e-6; }), seconds), axis(data.metric, { grace: "5%", ticks: { color: colour("muted"), callback: round } }), function (c) { return near(c, function () { return ""; }); })
      };
    },
    predicted: function () {
      var list = data.ops.map(function (o) { return { x: o[1], y: o[2], text: o[0] + ": predicted " + seconds(o[1]) + ", measured " + seconds(o[2]) }; });
      var all = [];
      list.forEach(function (p) { all.push(p.x, p.y); });
      var low = Math.min.apply(null, all), high = Math.max.apply(null, all);
      return {
        type: "scatter",
        data: { datasets: [points(data.ops_are, list, "a", { pointRadius: list.length > 300 ? 2 : 3 }), line("as predicted", [{ x: low, y: low, text: "" }, { x: high, y: high, text: "" }], "b", { borderWidth: 1, borderDash: [5, 4] })] },
        options: options(log("predicted", all, seconds), log("measured", all, seconds), function (c) { return near(c, function () { return ""; }); })
      };
    },
    roc: function () {
      var list = data.roc.map(function (p) { return { x: p[0], y: p[1] }; });
      return {
        type: "scatter",
        data: { datasets: [line("ROC", list, "a"), line("chance", [{ x: 0, y: 0 }, { x: 1, y: 1 }], "b", { borderWidth: 1, borderDash: [5, 4] })] },
        options: options(axis("false positive rate", { type: "linear", min: 0, max: 1 }), axis("true positive rate", { min: 0, max: 1 }), function (c) { return "false positives " + round(c.raw.x) + ", true positives " + round(c.raw.y); })
      };
    },
    residuals: function () {
      var list = data.residuals.map(function (p) { return { x: p[0], y: p[1] - p[0], text: "predicted " + round(p[0]) + ", actual " + round(p[1]) }; });
      var xs = list.map(function (p) { return p.x; }), low = Math.min.apply(null, xs), high = Math.max.apply(null, xs);
      return {
        type: "scatter",
        data: { datasets: [points("held-out rows", list, "a", { pointRadius: list.length > 300 ? 2 : 3, backgroundColor: list.length > 300 ? colour("a-soft") : colour("a"), borderWidth: list.length > 300 ? 0 : 1 }), line("no error", [{ x: low, y: 0, text: "" }, { x: high, y: 0, text: "" }], "b", { borderWidth: 1, borderDash: [5, 4] })] },
        options: options(axis("predicted", { type: "linear", ticks: { color: colour("muted"), callback: round, maxRotation: 0, autoSkipPadding: 12 } }), axis("actual minus predicted", { ticks: { color: colour("muted"), callback: round } }), function (c) { return near(c, function () { return ""; }); })
      };
    }
  };

  function render() {
    charts.splice(0).forEach(function (c) { c.destroy(); });
    Chart.defaults.font.family = getComputedStyle(document.body).fontFamily;
    document.querySelectorAll("canvas[data-chart]").forEach(function (canvas) {
      var make = draw[canvas.getAttribute("data-chart")];
      if (!make) return;
      var config = make();
      config.options.devicePixelRatio = Math.max(2, window.devicePixelRatio || 1);
      charts.push(new Chart(canvas, config));
    });
  }
  render();
  /* Colours follow the theme, and paper: canvases are drawn again before printing. */
  var dark = window.matchMedia("(prefers-color-scheme: dark)"), print = window.matchMedia("print");
  [dark, print].forEach(function (m) { if (m.addEventListener) m.addEventListener("change", render); });
  window.addEventListener("beforeprint", render);
  window.addEventListener("afterprint", render);
})();
