(function () {
  "use strict";
  var GREY = "rgba(128,136,150,0.45)", HIGH = 560, holder = document.createElement("div");
  holder.innerHTML = "<svg></svg>";
  var NS = holder.firstChild.namespaceURI;  // an address in the page would look like a request

  function make(tag, held, parent) {
    var node = document.createElementNS(NS, tag);
    Object.keys(held).forEach(function (key) { node.setAttribute(key, held[key]); });
    if (parent) { parent.appendChild(node); }
    return node;
  }

  function shade(measure, value) {
    if (value === null || value === undefined) { return GREY; }
    var share = (value - measure.scale[0]) / (measure.scale[1] - measure.scale[0]), stops = measure.stops;
    share = Math.max(0, Math.min(1, share));
    for (var at = 1; at < stops.length; at++) {
      if (share <= stops[at][0]) { return mix(stops[at - 1][1], stops[at][1], (share - stops[at - 1][0]) / (stops[at][0] - stops[at - 1][0])); }
    }
    return stops[stops.length - 1][1];
  }
  function mix(one, other, share) {
    return "#" + [1, 3, 5].map(function (at) {
      var a = parseInt(one.slice(at, at + 2), 16), b = parseInt(other.slice(at, at + 2), 16);
      return Math.round(a + share * (b - a)).toString(16).padStart(2, "0");
    }).join("");
  }
  function told(measure, value) {
    return value === null || value === undefined ? "not known" : value.toFixed(measure.places) + "\u00a0" + measure.unit;
  }

  window.drawMap = function (node, spec) {
    var heading = node.closest("figure").querySelector("h3").firstChild.textContent;
    var view = spec.view.slice(), design = spec.first, measure = 0;
    var row = document.createElement("div"), key = document.createElement("div");
    row.className = "choose";
    key.className = "key";
    function offer(name, words, start, take) {
      var label = document.createElement("label"), box = document.createElement("select");
      label.textContent = name;
      box.setAttribute("aria-label", name + ", " + heading);
      words.forEach(function (text, place) { box.add(new Option(text, place)); });
      box.value = start;
      box.addEventListener("change", function () { take(+box.value); draw(); });
      label.appendChild(box);
      row.appendChild(label);
    }
    function button(text, name, act) {
      var made = document.createElement("button");
      made.type = "button";
      made.className = "zoom";
      made.textContent = text;
      made.setAttribute("aria-label", name + ", " + heading);
      made.addEventListener("click", function () { act(); draw(); });
      row.appendChild(made);
    }
    function zoom(share) {
      var x = (view[0] + view[1]) / 2, y = (view[2] + view[3]) / 2, w = share * (view[1] - view[0]) / 2, h = share * (view[3] - view[2]) / 2;
      view = [x - w, x + w, y - h, y + h];
    }
    function whole() {
      var x = spec.buses.x, y = spec.buses.y, ends = [Math.min.apply(null, x), Math.max.apply(null, x), Math.min.apply(null, y), Math.max.apply(null, y)];
      var rim = 0.04 * Math.max(ends[1] - ends[0], ends[3] - ends[2]);
      view = [ends[0] - rim, ends[1] + rim, ends[2] - rim, ends[3] + rim];
    }
    offer("Design", spec.designs, design, function (at) { design = at; });
    offer("Show", spec.measures.map(function (each) { return each.text; }), measure, function (at) { measure = at; });
    button("+", "Closer", function () { zoom(0.6); });
    button("−", "Farther", function () { zoom(1 / 0.6); });
    button("Homes", "Homes only", function () { view = spec.view.slice(); });
    button("All", "All of the feeder", whole);
    node.before(row, key);

    function place(wide, high) {
      var scale = Math.min(wide / (view[1] - view[0]), high / (view[3] - view[2]));
      var x = (view[0] + view[1]) / 2, y = (view[2] + view[3]) / 2;
      return function (bus) { return [(wide / 2 + scale * (spec.buses.x[bus] - x)).toFixed(1), (high / 2 - scale * (spec.buses.y[bus] - y)).toFixed(1)]; };
    }
    function picture(at, high) {
      var shown = spec.measures[measure], ofBuses = shown.of === "buses", values = shown.values ? shown.values[design] : null;
      var svg = make("svg", { width: "100%", height: high, "aria-hidden": "true", "class": "map" });
      spec.lines.forEach(function (ends, line) {
        var a = at(ends[0]), b = at(ends[1]);
        if (shown.strokes) { phase(svg, a, b, shown.strokes[shown.at[line]], spec.buses.name[ends[0]] + " to " + spec.buses.name[ends[1]]); return; }
        make("line", { x1: a[0], y1: a[1], x2: b[0], y2: b[1], stroke: GREY, "stroke-width": 1.2 }, svg);
      });
      if (shown.of === "loading") { branches(svg, at, shown, values); }
      spec.buses.name.forEach(function (name, bus) {
        var homes = spec.buses.homes[bus], p = at(bus);
        if (!ofBuses) { if (homes) { make("circle", { cx: p[0], cy: p[1], r: shown.strokes ? 4 : 2, fill: shown.strokes ? "#767d8a" : GREY }, svg); } return; }
        make("circle", {
          cx: p[0], cy: p[1], r: homes ? 4.5 : 2.5, fill: shade(shown, values[bus]), stroke: "rgba(60,66,78,0.6)", "stroke-width": 0.6,
          "data-tip": name + (homes ? ", homes: " + homes : "") + ". " + shown.text + ": " + told(shown, values[bus])
        }, svg);
      });
      return svg;
    }
    function draw() {
      node.replaceChildren(picture(place(node.clientWidth, HIGH), HIGH));
      legend(spec.measures[measure]);
    }
    // for a slide: the same view, its scale of colours below
    node.mapOf = function (x, y, wide, high) {
      var shown = spec.measures[measure], svg = picture(place(wide, high - 60), high), stops = "", at = 0, places = shown.key_places, bar = "";
      svg.setAttribute("x", x);
      svg.setAttribute("y", y);
      svg.setAttribute("width", wide);
      Array.prototype.forEach.call(svg.querySelectorAll("[data-tip]"), function (each) { each.removeAttribute("data-tip"); });
      if (shown.strokes) {
        shown.strokes.forEach(function (each, row) {
          var left = 170 * row;
          bar += '<path d="M' + left + ' ' + (high - 20) + 'h70" stroke="' + each[1] + '" stroke-width="' + each[2] + '" stroke-dasharray="' + each[3] + '"/>';
          bar += '<text x="' + (left + 80) + '" y="' + (high - 14) + '" font-size="16" fill="#23272f">' + each[0] + "</text>";
        });
        return new XMLSerializer().serializeToString(svg).replace(/<\/svg>$/, bar + "</svg>");
      }
      shown.stops.forEach(function (stop) { stops += '<stop offset="' + stop[0] + '" stop-color="' + stop[1] + '"/>'; });
      bar = '<defs><linearGradient id="scale">' + stops + '</linearGradient></defs><rect x="0" y="' + (high - 44) + '" width="420" height="14" fill="url(#scale)"/>';
      [shown.scale[0], (shown.scale[0] + shown.scale[1]) / 2, shown.scale[1]].forEach(function (value) {
        bar += '<text x="' + 210 * at + '" y="' + (high - 10) + '" font-size="16" fill="#23272f" text-anchor="' + ["start", "middle", "end"][at] + '">' + value.toFixed(places) + " " + shown.unit + "</text>";
        at += 1;
      });
      return new XMLSerializer().serializeToString(svg).replace(/<\/svg>$/, bar + "</svg>");
    };
    // letters where there is room for them; dashes and widths tell phases without colour
    function phase(svg, a, b, stroke, name) {
      var dx = b[0] - a[0], dy = b[1] - a[1];
      make("line", { x1: a[0], y1: a[1], x2: b[0], y2: b[1], stroke: stroke[1], "stroke-width": stroke[2], "stroke-dasharray": stroke[3], "data-tip": name + ": " + stroke[0] }, svg);
      if (Math.sqrt(dx * dx + dy * dy) < 46) { return; }
      make("text", { x: (+a[0] + +b[0]) / 2, y: (+a[1] + +b[1]) / 2 - 6, "text-anchor": "middle", "font-size": 11, fill: "#23272f", "class": "letters" }, svg).textContent = stroke[0];
    }
    function branches(svg, at, shown, values) {
      spec.branches.name.forEach(function (name, branch) {
        var ends = spec.branches.ends[branch], unit = spec.branches.unit[branch], value = values[branch];
        if (ends[0] < 0 || ends[1] < 0) { return; }
        var a = at(ends[0]), b = at(ends[1]);
        var tip = (unit ? "transformer " : "line ") + name + ", " + spec.branches.rating[branch] + ". " + shown.text + ": " + told(shown, value);
        if (unit) {
          make("rect", { x: (+a[0] + +b[0]) / 2 - 4, y: (+a[1] + +b[1]) / 2 - 4, width: 8, height: 8, fill: shade(shown, value), stroke: "rgba(60,66,78,0.6)", "stroke-width": 0.6, "data-tip": tip }, svg);
        } else {
          make("line", { x1: a[0], y1: a[1], x2: b[0], y2: b[1], stroke: shade(shown, value), "stroke-width": value > 100 ? 5 : 3, "stroke-linecap": "round", "data-tip": tip }, svg);
        }
      });
    }
    function samples(shown) {
      key.replaceChildren();
      shown.strokes.forEach(function (each) {
        var box = document.createElement("div"), svg = make("svg", { width: 46, height: 10, "aria-hidden": "true" }, box);
        box.className = "sample";
        make("line", { x1: 0, y1: 5, x2: 46, y2: 5, stroke: each[1], "stroke-width": each[2], "stroke-dasharray": each[3] }, svg);
        box.append(each[0]);
        key.append(box);
      });
      key.append([shown.note, spec.about].filter(Boolean).join("; "));
    }
    function legend(shown) {
      if (shown.strokes) { samples(shown); return; }
      var ends = shown.scale, places = shown.key_places, bar = document.createElement("i"), parts = [ends[0], (ends[0] + ends[1]) / 2, ends[1]];
      bar.style.background = "linear-gradient(90deg," + shown.stops.map(function (stop) { return stop[1] + " " + 100 * stop[0] + "%"; }).join(",") + ")";
      var words = document.createElement("span");
      words.append.apply(words, parts.map(function (value) {
        var each = document.createElement("b");
        each.textContent = value.toFixed(places) + "\u00a0" + shown.unit;
        return each;
      }));
      var scale = document.createElement("div");
      scale.append(words, bar);
      key.replaceChildren(scale);
      key.append([shown.note, spec.about].filter(Boolean).join("; "));
    }
    draw();
    if (window.ResizeObserver) {
      var was = node.clientWidth;
      new ResizeObserver(function () { if (node.clientWidth && node.clientWidth !== was) { was = node.clientWidth; draw(); } }).observe(node);
    }
    var from = null;
    node.addEventListener("pointerdown", function (event) { from = [event.clientX, event.clientY]; });
    window.addEventListener("pointerup", function () { from = null; });
    node.addEventListener("pointermove", function (event) {
      if (!from || event.pointerType === "touch") { return; }
      var scale = Math.min(node.clientWidth / (view[1] - view[0]), HIGH / (view[3] - view[2]));
      var dx = (event.clientX - from[0]) / scale, dy = (event.clientY - from[1]) / scale;
      view = [view[0] - dx, view[1] - dx, view[2] + dy, view[3] + dy];
      from = [event.clientX, event.clientY];
      draw();
    });
  };
})();
