(function () {
  "use strict";
  var root = document.documentElement;
  var plots = Array.prototype.slice.call(document.querySelectorAll(".plot"));
  var dark = window.matchMedia && window.matchMedia("(prefers-color-scheme: dark)").matches;

  function tone(name) { return getComputedStyle(root).getPropertyValue(name).trim(); }

  function dressed() {
    return { "font.color": tone("--ink"), "hoverlabel.bgcolor": tone("--card"), "hoverlabel.font.color": tone("--ink") };
  }

  function inked(node) {
    var at = [];
    node.data.forEach(function (trace, place) { if (trace.meta === "ink") { at.push(place); } });
    return at.length ? Plotly.restyle(node, { "line.color": tone("--ink") }, at) : null;
  }

  function fit(layout, width) {
    if (width < 430) {
      layout.margin = Object.assign({}, layout.margin, { l: Math.min(layout.margin.l, 44), r: Math.min(layout.margin.r, 10) });
      layout.font = Object.assign({}, layout.font, { size: 11 });
      layout.legend = Object.assign({}, layout.legend, { y: 0, yanchor: "bottom", yref: "container", font: { size: 11 } });
    }
    return layout;
  }

  function plain(text) { return new DOMParser().parseFromString(text, "text/html").documentElement.textContent; }

  function heading(node) { return node.closest("figure").querySelector("h3").firstChild.textContent; }

  // a drawn menu is reached by a mouse alone: what it chooses is offered as a select above the figure
  function select(node, menu) {
    var label = document.createElement("label"), box = document.createElement("select");
    label.textContent = menu.name;
    box.setAttribute("aria-label", menu.name + ", " + heading(node));
    menu.buttons.forEach(function (button, place) { box.add(new Option(plain(button.label), place)); });
    box.value = menu.active || 0;
    box.addEventListener("change", function () {
      var button = menu.buttons[box.value];
      Plotly[button.method].apply(Plotly, [node].concat(JSON.parse(JSON.stringify(button.args)))).then(function () { multiples.follow(node); });
    });
    label.appendChild(box);
    return label;
  }

  function offer(node, layout, first) {
    var menus = layout.updatemenus || [];
    delete layout.updatemenus;
    if (!menus.length && !first.length) { return; }
    var row = document.createElement("div");
    row.className = "choose";
    first.forEach(function (label) { row.appendChild(label); });
    menus.forEach(function (menu) { row.appendChild(select(node, menu)); });
    node.before(row);
    if (menus.length) { layout.margin.t = Math.max(16, layout.margin.t - 30); }
  }

  // a figure that shows some of many designs at first lets the reader choose which
  function choose(node, data, layout) {
    var held = new Map();
    data.forEach(function (trace, at) {
      if (!trace.legendgroup) { return; }
      if (!held.has(trace.legendgroup)) { held.set(trace.legendgroup, { at: [], name: trace.name, tone: trace.line.color, on: trace.visible !== "legendonly" }); }
      held.get(trace.legendgroup).at.push(at);
    });
    if (!data.some(function (trace) { return trace.visible === "legendonly"; })) { return; }
    data.forEach(function (trace) { if (trace.visible === "legendonly") { trace.visible = false; } });
    layout.legend = Object.assign({}, layout.legend, { itemclick: false, itemdoubleclick: false });
    var box = document.createElement("details"), told = document.createElement("summary"), list = document.createElement("div");
    var boxes = [], every = tick("All designs", null);
    function count() {
      var on = boxes.filter(function (each) { return each.checked; }).length;
      told.textContent = "Designs shown: " + on + " of " + boxes.length;
      every.checked = on === boxes.length;
      every.indeterminate = on > 0 && on < boxes.length;
    }
    function tick(name, tone) {
      var label = document.createElement("label"), input = document.createElement("input"), dot = document.createElement("i");
      input.type = "checkbox";
      label.appendChild(input);
      if (tone) { dot.className = "dot"; dot.style.setProperty("--tone", tone); label.appendChild(dot); }
      label.append(name);
      list.appendChild(label);
      return input;
    }
    held.forEach(function (design) {
      var input = tick(plain(design.name), design.tone);
      input.checked = design.on;
      boxes.push(input);
      input.addEventListener("change", function () { count(); Plotly.restyle(node, { visible: input.checked }, design.at); });
    });
    every.addEventListener("change", function () {
      var all = every.checked, at = [];
      boxes.forEach(function (each) { each.checked = all; });
      held.forEach(function (design) { at = at.concat(design.at); });
      count();
      Plotly.restyle(node, { visible: all }, at);
    });
    count();
    list.className = "designs";
    list.setAttribute("role", "group");
    list.setAttribute("aria-label", "Designs shown, " + heading(node));
    box.className = "chooser";
    box.append(told, list);
    node.before(box);
  }

  // what the page carries is packed as zlib does it, in base64
  function unpack(id) {
    var text = document.getElementById(id).textContent;
    var bytes = Uint8Array.from(atob(text), function (letter) { return letter.charCodeAt(0); });
    return new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"))).text();
  }

  // the policy of the page lets this script run by its hash, as if it stood there in the open
  function load() {
    return unpack("data-library").then(function (text) {
      var script = document.createElement("script");
      script.textContent = text;
      document.body.appendChild(script);
    });
  }

  function draw(node) {
    var map = "data-" + node.id.replace("figure", "map");
    if (document.getElementById(map)) { return unpack(map).then(function (text) { window.drawMap(node, JSON.parse(text)); }); }
    return unpack("data-" + node.id).then(function (text) { return drawn(node, JSON.parse(text)); });
  }

  function drawn(node, spec) {
    var views = spec.layout.meta && spec.layout.meta.views, rows = views ? [view(node, spec)] : [];
    offer(node, spec.layout, rows);
    choose(node, spec.data, spec.layout);
    watch(node);
    return plot(node, spec, Boolean(views));
  }

  function plot(node, spec, apart) {
    var config = { responsive: false, displaylogo: false, displayModeBar: false }, width = node.clientWidth;
    var shown = apart ? multiples.grid(spec, width) : JSON.parse(JSON.stringify(spec)), box = node.parentNode.querySelector(".chooser");
    node.gridOf = apart ? shown : null;
    if (box) { box.hidden = apart; }
    shown.layout.width = width;
    node.style.height = shown.layout.height + "px";
    return Plotly.newPlot(node, shown.data, apart ? shown.layout : fit(shown.layout, width), config).then(function () { return Plotly.relayout(node, dressed()); }).then(function () { return inked(node); });
  }

  // many designs apart or together; what other menus chose is chosen again
  function view(node, spec) {
    var label = document.createElement("label"), box = document.createElement("select");
    label.textContent = "View";
    box.setAttribute("aria-label", "View, " + heading(node));
    spec.layout.meta.views.forEach(function (text, place) { box.add(new Option(text, place)); });
    box.addEventListener("change", function () {
      plot(node, spec, box.value === "0").then(function () {
        node.closest("figure").querySelectorAll(".choose select").forEach(function (other) { if (other !== box) { other.dispatchEvent(new Event("change")); } });
        node.closest("figure").querySelectorAll(".chooser input").forEach(function (tick, place) { if (place && box.value !== "0") { tick.dispatchEvent(new Event("change")); } });
      });
    });
    label.appendChild(box);
    return label;
  }

  var widths = new Map();
  function watch(node) {
    widths.set(node, node.clientWidth);
    if (!window.ResizeObserver) { return; }
    new ResizeObserver(function () {
      if (!node.layout || widths.get(node) === node.clientWidth || node.clientWidth === 0) { return; }
      widths.set(node, node.clientWidth);
      Plotly.relayout(node, { width: node.clientWidth });
    }).observe(node);
  }

  function dress(isDark) {
    root.dataset.theme = isDark ? "dark" : "light";
    plots.forEach(function (node) { if (node.layout) { Plotly.relayout(node, dressed()); inked(node); } });
  }

  root.dataset.theme = dark ? "dark" : "light";
  document.getElementById("theme").addEventListener("click", function () { dark = !dark; dress(dark); });
  if (window.DecompressionStream) {
    plots.reduce(function (before, node) { return before.then(function () { return draw(node); }); }, plots.length ? load() : Promise.resolve());
  } else {
    plots.forEach(function (node) { node.textContent = "This browser is older than May 2023 and cannot unpack the figures. Tables and words of this page can be read all the same."; });
  }

  document.addEventListener("click", function (event) {
    var button = event.target.closest && event.target.closest("[data-save]");
    if (!button) { return; }
    var node = document.getElementById(button.dataset.save);
    slides.save(node, button.dataset.kind);
  });

  // paper does not scroll: a table of many designs is printed as several, each with the columns that say what a row is
  var ACROSS = 8, printed = [];
  function part(table, from, to, many) {
    var copy = table.cloneNode(true);
    copy.caption.classList.remove("heard");
    copy.caption.textContent += ", " + (from + 1) + " to " + to;
    Array.prototype.forEach.call(copy.rows, function (row) {
      if (row.classList.contains("group")) { row.cells[0].colSpan += to - from - many; return; }
      Array.prototype.forEach.call(row.querySelectorAll(".n"), function (cell, at) { if (at < from || at >= to) { cell.remove(); } });
    });
    return copy;
  }
  function split() {
    if (printed.length) { return; }
    Array.prototype.forEach.call(document.querySelectorAll(".scroll>table"), function (table) {
      var many = table.tHead.rows[0].querySelectorAll(".n").length, box = document.createElement("div");
      if (many <= ACROSS || table.matches(".points,.claims,.matrix")) { return; }
      var blocks = Math.ceil(many / ACROSS), each = Math.ceil(many / blocks);
      for (var from = 0; from < many; from += each) { box.appendChild(part(table, from, Math.min(from + each, many), many)); }
      box.className = "printed";
      table.parentNode.before(box);
      table.parentNode.hidden = true;
      printed.push([box, table.parentNode]);
    });
  }
  function join() {
    printed.forEach(function (pair) { pair[0].remove(); pair[1].hidden = false; });
    printed = [];
  }

  var wasDark = dark;
  window.addEventListener("beforeprint", function () { wasDark = dark; dress(false); split(); });
  window.addEventListener("afterprint", function () { dress(wasDark); join(); });

  var tip = document.getElementById("tip"), explained = null;
  function put() {
    var box = explained.getBoundingClientRect();
    var left = Math.max(8, Math.min(box.left, window.innerWidth - tip.offsetWidth - 8));
    var below = box.bottom + 6 + tip.offsetHeight < window.innerHeight;
    tip.style.left = left + "px";
    tip.style.top = (below ? box.bottom + 6 : box.top - tip.offsetHeight - 6) + "px";
  }
  function show(event) {
    explained = event.target.closest && event.target.closest("[data-tip]");
    if (!explained) { tip.hidden = true; return; }
    explained.setAttribute("aria-describedby", "tip");
    tip.textContent = explained.dataset.tip;
    tip.hidden = false;
    put();
  }
  document.addEventListener("mouseover", show);
  document.addEventListener("focusin", show);
  document.addEventListener("keydown", function (event) { if (event.key === "Escape") { tip.hidden = true; } });
  // the tab key scrolls to what it comes to: its words go with it, those under a mouse are gone
  document.addEventListener("scroll", function () {
    if (!tip.hidden && explained && explained === document.activeElement) { put(); } else { tip.hidden = true; }
  }, true);

  Array.prototype.forEach.call(document.querySelectorAll("table.sortable"), function (table) {
    var body = table.tBodies[0];
    var original = Array.prototype.slice.call(body.rows);
    var heads = Array.prototype.slice.call(table.tHead.rows[0].cells);
    heads.forEach(function (head) {
      var button = head.querySelector("button");
      if (!button) { return; }
      button.addEventListener("click", function () {
        var order = head.getAttribute("aria-sort");
        var next = order === "ascending" ? "descending" : order === "descending" ? "none" : "ascending";
        heads.forEach(function (other) { other.removeAttribute("aria-sort"); });
        if (next === "none") { original.forEach(function (row) { body.appendChild(row); }); return; }
        head.setAttribute("aria-sort", next);
        var sign = next === "ascending" ? 1 : -1;
        var rows = original.filter(function (row) { return !row.classList.contains("group"); });
        original.forEach(function (row) { if (row.classList.contains("group")) { row.remove(); } });
        rows.sort(function (one, two) { return sign * compare(one.cells[head.cellIndex], two.cells[head.cellIndex]); });
        rows.forEach(function (row) { body.appendChild(row); });
      });
    });
  });
  // columns of designs: those that are pinned first, in the order of the clicks, and in sight while the others scroll
  Array.prototype.forEach.call(document.querySelectorAll("table.sortable"), function (table) {
    var pinned = [];
    var columns = Array.prototype.slice.call(table.tHead.querySelectorAll("th.n"));
    var rows = Array.prototype.filter.call(table.rows, function (row) { return !row.classList.contains("group"); });
    var cells = rows.map(function (row) { return Array.prototype.slice.call(row.querySelectorAll(".n")); });
    columns.forEach(function (head, at) {
      var button = head.querySelector(".pin");
      if (!button) { return; }
      button.addEventListener("click", function () {
        var was = pinned.indexOf(at);
        if (was < 0) { pinned.push(at); } else { pinned.splice(was, 1); }
        button.setAttribute("aria-pressed", String(was < 0));
        arrange();
        button.focus();
      });
    });
    function arrange() {
      var rest = columns.map(function (_, at) { return at; }).filter(function (at) { return pinned.indexOf(at) < 0; });
      var order = pinned.concat(rest);
      rows.forEach(function (row, r) { order.forEach(function (at) { row.appendChild(cells[r][at]); }); });
      var stays = table.parentNode.clientWidth > 760, name = table.tBodies[0].querySelector("th[scope=row]");
      var left = name ? name.offsetWidth : 0;
      order.forEach(function (at, place) {
        var isPinned = place < pinned.length;
        cells.forEach(function (row) {
          row[at].classList.toggle("pinned", isPinned);
          row[at].style.left = isPinned && stays ? left + "px" : "";
        });
        if (isPinned) { left += columns[at].offsetWidth; }
      });
    }
  });
  function compare(one, two) {
    var a = one.dataset.key, b = two.dataset.key;
    var x = parseFloat(a), y = parseFloat(b);
    if (isNaN(x) || isNaN(y)) { return a < b ? -1 : a > b ? 1 : 0; }
    return x - y;
  }
})();
