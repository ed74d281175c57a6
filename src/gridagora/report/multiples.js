// many designs in one drawing hide each other: a small drawing for each, on the same axes, the reference in grey behind it
var multiples = (function () {
  "use strict";
  var LEAST = 230, CELL = 178, PANE = 190, GREY = "rgba(128,136,150,0.75)";

  function copy(node) { return JSON.parse(JSON.stringify(node)); }

  // the axis of a cell: as that of the whole drawing, its words at the rim of the grid alone
  function axis(base, letter, at, domain, more) {
    var made = Object.assign(copy(base || {}), { domain: domain, anchor: (letter === "x" ? "y" : "x") + at }, more);
    if (at) { made.matches = letter; }
    delete made.range;  // with the range of one axis fixed, Plotly finds none for those that match the other
    if (made.tickvals && letter === "x") {
      made.ticktext = made.ticktext.filter(function (_, place) { return place % 2 === 0; });
      made.tickvals = made.tickvals.filter(function (_, place) { return place % 2 === 0; });
    }
    return made;
  }

  function grid(spec, width) {
    var whole = copy(spec), layout = whole.layout, reference = layout.meta.reference, own = [], ghost = null, data = [], pane = 0;
    whole.data.forEach(function (trace) {
      if (trace.yaxis === "y2") { trace.xaxis = "x99"; trace.yaxis = "y99"; trace.visible = true; pane = PANE; return; }
      if (!trace.legendgroup) { trace.visible = false; return; }
      if (trace.legendgroup === reference) { ghost = trace; trace.visible = false; return; }
      trace.visible = true;
      own.push(trace);
    });
    var columns = Math.max(1, Math.min(4, own.length, Math.floor(width / LEAST))), rows = Math.ceil(own.length / columns);
    var cell_px = rows === 1 ? 250 : CELL, height = rows * cell_px + pane, foot = pane ? pane / height : 0;
    var gapX = 0.035, gapY = rows > 1 ? 0.26 * (1 - foot) / rows : 0, wide = (1 - gapX * (columns - 1)) / columns, high = (1 - foot - gapY * (rows - 1)) / rows;
    var bases = [layout.xaxis, layout.yaxis, layout.yaxis2], shapes = layout.shapes || [], words = (layout.annotations || []).filter(function (each) { return each.yref !== "paper"; });
    delete layout.yaxis2;
    layout.shapes = [];
    layout.annotations = [];
    own.forEach(function (trace, cell) {
      var at = cell ? cell + 1 : "", column = cell % columns, row = Math.floor(cell / columns);
      var left = column * (wide + gapX), top = 1 - row * (high + gapY), last = cell + columns >= own.length;
      trace.xaxis = "x" + at;
      trace.yaxis = "y" + at;
      trace.showlegend = false;
      layout["xaxis" + at] = axis(bases[0], "x", at, [left, left + wide], { showticklabels: last, title: "" });
      layout["yaxis" + at] = axis(bases[1], "y", at, [top - high, top], { showticklabels: column === 0, title: row === 0 && column === 0 ? bases[1].title : "" });
      layout.annotations.push({
        text: "<b>" + trace.name + "</b>", x: left, y: top, xref: "paper", yref: "paper", xanchor: "left", yanchor: "bottom", yshift: 2,
        showarrow: false, font: { size: 12, color: trace.line.color }
      });
      shapes.forEach(function (shape) {
        var upright = shape.yref === "paper";
        layout.shapes.push(Object.assign({}, shape, { xref: upright ? "x" + at : "x" + at + " domain", yref: upright ? "y" + at + " domain" : "y" + at }));
      });
      if (cell === 0) { words.forEach(function (each) { layout.annotations.push(Object.assign({}, each, { xref: each.xref === "paper" ? "x domain" : "x" })); }); }
      if (ghost) {
        data.push(Object.assign(copy(ghost), { xaxis: "x" + at, yaxis: "y" + at, visible: true, showlegend: false, meta: "ghost", line: Object.assign({}, ghost.line, { color: GREY, width: 1.2 }) }));
      }
    });
    // menus speak of the traces by their place: those stay first, and copies of the reference follow
    var ghosts = data.length;
    var below = bases[0].title && bases[0].title.text;
    if (below) {
      layout.annotations.push({ text: below, x: 0.5, y: 0, xref: "paper", yref: "paper", xanchor: "center", yanchor: "top", yshift: -26, showarrow: false, font: { size: 12 } });
    }
    if (pane) {
      layout.xaxis99 = Object.assign(copy(bases[0]), { anchor: "y99", domain: [0, 1], matches: "x" });
      layout.yaxis99 = Object.assign(copy(bases[2]), { anchor: "x99", domain: [0, 0.66 * foot] });
    }
    layout.height = height + 90;
    layout.margin = Object.assign({}, layout.margin, { t: 34, b: 56 });
    layout.showlegend = false;
    return { data: whole.data.concat(data), layout: layout, ghosts: ghosts, source: ghost ? whole.data.indexOf(ghost) : -1 };
  }

  // what a menu changed of the reference, its copies follow
  function follow(node) {
    var held = node.gridOf;
    if (!held || held.source < 0) { return; }
    var at = [], y = node.data[held.source].y;
    node.data.forEach(function (trace, place) { if (trace.meta === "ghost") { at.push(place); } });
    if (at.length) { Plotly.restyle(node, { y: at.map(function () { return y; }) }, at); }
  }

  return { grid: grid, follow: follow };
})();
