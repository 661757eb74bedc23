/* Draws the report's charts with d3: lines with intervals, points, bounds and traces, from the JSON beside each
 * figure. It computes no figure; every number comes from the report. Colours are CSS classes, so that they follow
 * the reader's light or dark theme. */
(function () {
  "use strict";

  const SHAPES = [d3.symbolCircle, d3.symbolSquare, d3.symbolTriangle, d3.symbolDiamond];
  const BINARY = [[1, "B"], [1024, "KiB"], [1048576, "MiB"], [1073741824, "GiB"]];
  const UNITS = {
    time: [[1, "ns"], [1e3, "µs"], [1e6, "ms"], [1e9, "s"]],
    ratio: [[1, "×"]],
    bytes: BINARY,
    energy: [[1e-3, "nJ"], [1, "µJ"], [1e3, "mJ"], [1e6, "J"]],
    power: [[1, "µW"], [1e3, "mW"], [1e6, "W"]],
    edp: [[1, "fJ s"], [1e3, "pJ s"], [1e6, "nJ s"], [1e9, "µJ s"], [1e12, "mJ s"], [1e15, "J s"]],
    rate: [[1, ""], [1e3, "k"], [1e6, "M"], [1e9, "G"]],
    share: [[0.01, "%"]],
  };

  function tickText(value, quantity) {
    if (value === 0 && quantity !== "share") return "0";
    const units = UNITS[quantity] || [[1, ""]];
    let unit = units[0];
    units.forEach(candidate => { if (value >= candidate[0] * 0.9999) unit = candidate; });
    const number = String(Number((value / unit[0]).toPrecision(3)));
    return quantity === "ratio" ? number + "×" : (number + " " + unit[1]).trim();
  }

  /* At most about `most` labelled ticks: powers of two for bytes, 1-2-5 or whole decades otherwise. */
  function logTicks(low, high, quantity, most) {
    const ticks = [];
    if (quantity === "bytes") {
      const first = Math.ceil(Math.log2(low)), last = Math.floor(Math.log2(high));
      const step = Math.max(1, Math.ceil((last - first + 1) / most));
      for (let power = Math.ceil(first / step) * step; power <= last; power += step)
        ticks.push(Math.pow(2, power));
      return ticks;
    }
    const first = Math.floor(Math.log10(low)), last = Math.ceil(Math.log10(high));
    const within = value => value >= low && value <= high;
    const fine = high / low < 3 ? [[1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 7, 8, 9]] : [];
    for (const mantissas of fine.concat([[1, 1.5, 2, 3, 5, 7], [1, 2, 5], [1, 3], [1]])) {
      ticks.length = 0;
      for (let power = first; power <= last; power++)
        mantissas.forEach(m => ticks.push(m * Math.pow(10, power)));
      const kept = ticks.filter(within);
      if (kept.length <= most && kept.length >= 2)
        return kept;
    }
    const decades = ticks.filter(within);
    const step = Math.ceil(decades.length / most);
    return decades.filter((_, index) => index % step === 0);
  }

  /* Block sizes that were measured, thinned from the right where they would touch. */
  function blockTicks(values, scale, room) {
    const kept = [];
    let edge = Infinity;
    values.slice().reverse().forEach(value => {
      const half = String(value).length * 3.6 + room;
      if (scale(value) + half <= edge) {
        kept.push(value);
        edge = scale(value) - half;
      }
    });
    return kept;
  }

  function positive(value) {
    return typeof value === "number" && value > 0;
  }

  function extent(chart) {
    const xs = new Set(), ys = [];
    chart.series.forEach(series => series.points.forEach(point => {
      if (series.drawing !== "level") xs.add(point.x);
      [point.y, point.low, point.high].filter(positive).forEach(y => ys.push(y));
    }));
    if (xs.size === 0) xs.add(1);
    let low = d3.min(ys), high = d3.max(ys);
    if (isLinear(chart))
      return {xs: Array.from(xs).sort((a, b) => a - b), low: 0,
        high: isTrace(chart) ? high * 1.05 : Math.max(1, high * 1.02)};
    low /= 1.3;
    high *= 1.3;
    if (high / low < 4) { /* a flat line must look flat */
      const middle = Math.sqrt(low * high);
      low = middle / 2;
      high = middle * 2;
    }
    return {xs: Array.from(xs).sort((a, b) => a - b), low: low, high: high};
  }

  /* Something against time. */
  function isTrace(chart) {
    return chart.ticks === "linear";
  }

  /* A share is read against 100 %, and nothing is a share of it too: its axis begins at 0. So does that of what
   * goes up and down with time. */
  function isLinear(chart) {
    return chart.quantity === "share" || isTrace(chart);
  }

  function isBound(series) {
    return series.drawing === "bound";
  }

  function isSolid(series) {
    return series.kind === "measured" || series.kind === "counted";
  }

  function drawAxes(svg, chart, box, x, y, range) {
    const yTicks = isLinear(chart) ? d3.ticks(range.low, range.high, 5)
      : logTicks(range.low, range.high, chart.quantity, 7);
    const grid = svg.append("g").attr("class", "grid").attr("aria-hidden", "true");
    yTicks.forEach(tick => {
      grid.append("line").attr("x1", box.left).attr("x2", box.right)
        .attr("y1", y(tick)).attr("y2", y(tick));
      svg.append("text").attr("class", "tick").attr("x", box.left - 7).attr("y", y(tick) + 4)
        .attr("text-anchor", "end").text(tickText(tick, chart.quantity));
    });
    svg.append("line").attr("class", "axis").attr("x1", box.left).attr("x2", box.right)
      .attr("y1", box.bottom).attr("y2", box.bottom);
    const round = chart.ticks !== "points";
    const xTicks = isTrace(chart) ? d3.ticks(x.domain()[0], x.domain()[1], 6)
      : round ? logTicks(x.domain()[0], x.domain()[1], "number", 8) : range.xs;
    xTicks.forEach(value => svg.append("line").attr("class", "axis").attr("x1", x(value))
      .attr("x2", x(value)).attr("y1", box.bottom).attr("y2", box.bottom + 4));
    blockTicks(xTicks, x, 3).forEach(value => svg.append("text").attr("class", "tick")
      .attr("x", x(value)).attr("y", box.bottom + 17).attr("text-anchor", "middle")
      .text(round ? tickText(value, "number") : value));
    svg.append("text").attr("class", "axis-title").attr("x", (box.left + box.right) / 2)
      .attr("y", box.bottom + 36).attr("text-anchor", "middle").text(chart.x);
    svg.append("text").attr("class", "axis-title").attr("x", 2).attr("y", 12).text(chart.y);
  }

  function drawBaseline(group, series, box, y) {
    const point = series.points.find(candidate => positive(candidate.y));
    if (!point) return null;
    if (positive(point.low) && positive(point.high)) {
      group.append("rect").attr("class", "band").attr("x", box.left).attr("width", box.right - box.left)
        .attr("y", y(point.high)).attr("height", Math.max(1, y(point.low) - y(point.high)));
    }
    group.append("path").attr("class", "line baseline")
      .attr("d", "M" + box.left + "," + y(point.y) + "H" + box.right);
    group.append("rect").attr("class", "hit").attr("x", box.left).attr("width", box.right - box.left)
      .attr("y", y(point.y) - 6).attr("height", 12).append("title").text(point.text);
    return y(point.y);
  }

  function drawLine(group, series, x, y) {
    const points = series.points.filter(point => positive(point.y) && positive(point.x))
      .sort((a, b) => a.x - b.x);
    if (points.length === 0) return null;
    if (series.drawing === "line")
      group.append("path").attr("class", "line")
        .attr("d", d3.line().x(point => x(point.x)).y(point => y(point.y))(points));
    points.filter(point => positive(point.low) && positive(point.high)).forEach(point => {
      const at = x(point.x), low = y(point.low), high = y(point.high);
      group.append("path").attr("class", "error-bar").attr("d", "M" + (at - 3) + "," + low + "h6M" +
        at + "," + low + "V" + high + "M" + (at - 3) + "," + high + "h6");
    });
    const mark = d3.symbol().type(SHAPES[series.shape % SHAPES.length]).size(38)();
    points.forEach(point => {
      const item = group.append("g").attr("class", "point")
        .attr("transform", "translate(" + x(point.x) + "," + y(point.y) + ")");
      item.append("circle").attr("class", "hit").attr("r", 9);
      item.append("path").attr("class", "mark").attr("d", mark);
      item.append("title").text(point.text);
    });
    return y(points[points.length - 1].y);
  }

  /* Too many points for marks: a line, the band that they were the mean of, and one text for all. */
  function drawTrace(group, series, x, y) {
    const points = series.points.filter(point => typeof point.y === "number");
    const known = points.filter(point => typeof point.low === "number" && typeof point.high === "number");
    group.append("path").attr("class", "band")
      .attr("d", d3.area().x(point => x(point.x)).y0(point => y(point.low)).y1(point => y(point.high))(known));
    group.append("path").attr("class", "trace")
      .attr("d", d3.line().x(point => x(point.x)).y(point => y(point.y))(points))
      .append("title").text(series.label);
  }

  /* A limit carries its name along it: neighbours at opposite ends, since they may lie close. */
  function drawBound(group, series, index, x, y) {
    const first = series.points[0], last = series.points[series.points.length - 1];
    const atEnd = index % 2 === 1 || first.y === last.y, anchor = atEnd ? last : first;
    group.append("path").attr("class", "bound")
      .attr("d", "M" + x(first.x) + "," + y(first.y) + "L" + x(last.x) + "," + y(last.y));
    const angle = Math.atan2(y(last.y) - y(first.y), x(last.x) - x(first.x)) * 180 / Math.PI;
    group.append("text").attr("class", "bound-name").attr("text-anchor", atEnd ? "end" : "start")
      .attr("transform", "translate(" + x(anchor.x) + "," + y(anchor.y) + ") rotate(" + angle + ")")
      .attr("dx", atEnd ? -3 : 8).attr("dy", -4).text(series.label);
  }

  /* Names beside the lines' right ends, pushed apart where they would overlap. */
  function drawLabels(svg, labels, box) {
    const gap = 13;
    labels.sort((a, b) => a.y - b.y);
    labels.forEach((label, index) => {
      label.at = index ? Math.max(label.y, labels[index - 1].at + gap) : label.y;
    });
    const over = labels.length ? labels[labels.length - 1].at - (box.bottom - 2) : 0;
    for (let index = labels.length - 1, limit = box.bottom - 2; over > 0 && index >= 0; index--) {
      labels[index].at = Math.min(labels[index].at, limit);
      limit = labels[index].at - gap;
    }
    labels.forEach(label => {
      const room = Math.floor((box.width - box.right - 8) / 6.5);
      const short = label.text.length > room ? label.text.slice(0, room - 1) + "…" : label.text;
      svg.append("text").attr("class", "label " + label.colour).attr("x", box.right + 7)
        .attr("y", label.at + 4).text(short).append("title").text(label.text);
    });
  }

  /* What stands beside a line: a lone dense line needs no library's name there, the legend has it. */
  function shortLabel(series, chart) {
    const lone = chart.series.filter(other => other.drawing === "level").length === 1;
    return series.drawing === "level" && lone ? series.label.split(" (")[0] : series.label;
  }

  function colourOf(series) {
    return series.colour < 0 ? "ink" : "c" + series.colour % 8;
  }

  function drawLegend(figure, chart) {
    const list = d3.select(figure).append("ul").attr("class", "legend");
    chart.series.filter(series => !isBound(series)).forEach(series => {
      const item = list.append("li").attr("class", colourOf(series) + (isSolid(series) ? "" : " hollow"));
      const svg = item.append("svg").attr("width", 26).attr("height", 12).attr("aria-hidden", "true");
      const level = series.drawing === "level";
      if (series.drawing !== "points")
        svg.append("path").attr("class", level ? "line baseline" : "line").attr("d", "M1,6H25");
      if (!level && series.drawing !== "trace")
        svg.append("path").attr("class", "mark").attr("transform", "translate(13,6)")
          .attr("d", d3.symbol().type(SHAPES[series.shape % SHAPES.length]).size(38)());
      item.append("span").text(series.label + (isSolid(series) ? "" : " (" + series.kind + ")"));
    });
  }

  function draw(figure, chart) {
    const width = Math.max(260, figure.clientWidth), height = Math.round(Math.min(320, 170 + width * 0.34));
    d3.select(figure).selectAll("svg.plot, ul.legend, p.fallback").remove();
    const named = chart.series.filter(series => ["line", "level"].includes(series.drawing));
    const longest = d3.max(named, series => shortLabel(series, chart).length) || 0;
    const right = width - Math.min(longest * 6.9 + 14, width * 0.34);
    const box = {left: 56, right: right, top: 24, bottom: height - 42, width: width};
    const svg = d3.select(figure).append("svg").attr("class", "plot").attr("role", "img")
      .attr("viewBox", "0 0 " + width + " " + height).attr("aria-label", chart.title +
        ": " + chart.y + " against " + chart.x + ", " + chart.series.map(s => s.label).join(", "));
    const range = extent(chart);
    if (!positive(range.high)) {
      svg.append("text").attr("class", "tick").attr("x", 8).attr("y", 40).text("Nothing was measured.");
      return;
    }
    const spread = chart.ticks === "round" ? 1 : range.xs.length > 1 ? 1.25 : 2;
    const first = range.xs[0], last = range.xs[range.xs.length - 1];
    const x = isTrace(chart)
      ? d3.scaleLinear().range([box.left, box.right]).domain([first, Math.max(last, first + 1e-9)])
      : d3.scaleLog().base(2).range([box.left, box.right]).domain([first / spread, last * spread]);
    const y = (isLinear(chart) ? d3.scaleLinear() : d3.scaleLog()).domain([range.low, range.high])
      .range([box.bottom, box.top]);
    drawAxes(svg, chart, box, x, y, range);
    const labels = [];
    const bounds = chart.series.filter(isBound);
    const order = ["bound", "level", "trace", "line", "points"];
    chart.series.slice().sort((a, b) => order.indexOf(a.drawing) - order.indexOf(b.drawing)).forEach(series => {
      const group = svg.append("g")
        .attr("class", "series " + colourOf(series) + (isSolid(series) ? "" : " hollow"));
      if (isBound(series)) {
        drawBound(group, series, bounds.indexOf(series), x, y);
        return;
      }
      if (series.drawing === "trace") {
        drawTrace(group, series, x, y);
        return;
      }
      const end = series.drawing === "level" ? drawBaseline(group, series, box, y)
        : drawLine(group, series, x, y);
      if (end !== null && series.drawing !== "points")
        labels.push({text: shortLabel(series, chart), y: end, colour: colourOf(series)});
    });
    drawLabels(svg, labels, box);
    drawLegend(figure, chart);
  }

  document.querySelectorAll("figure.chart").forEach(figure => {
    const chart = JSON.parse(figure.querySelector("script").textContent);
    let drawn = 0;
    const redraw = () => {
      if (figure.clientWidth !== drawn) {
        drawn = figure.clientWidth;
        draw(figure, chart);
      }
    };
    redraw();
    new ResizeObserver(() => requestAnimationFrame(redraw)).observe(figure);
  });

  /* Paper cannot be unfolded. */
  let closed = [];
  window.addEventListener("beforeprint", () => {
    closed = Array.from(document.querySelectorAll("details:not([open])"));
    closed.forEach(details => { details.open = true; });
  });
  window.addEventListener("afterprint", () => closed.forEach(details => { details.open = false; }));
})();
