(function () {
  "use strict";
  var SOON = 1000, LATE = 5000, ENOUGH = 24, missed = 0;
  function at(id) { return document.getElementById(id); }

  // what is read aloud is touched only where it is another text
  function put(node, text) { if (node.textContent !== text) { node.textContent = text; } }

  function cell(kind, name) {
    var node = document.createElement(kind);
    if (name) { node.className = name; }
    return node;
  }

  function head(columns) {
    columns.forEach(function (column) {
      var node = cell("th", "n");
      node.scope = "col";
      node.textContent = column[0] + (column[1] ? " [" + column[1] + "]" : "");
      at("heads").append(node);
    });
  }

  function row(design) {
    var line = document.createElement("tr"), name = cell("th"), dot = cell("i", "dot");
    name.scope = "row";
    dot.style.setProperty("--tone", design.tone);
    name.append(dot, design.name);
    line.append(name, cell("td", "state"));
    design.cells.forEach(function () { line.append(cell("td", "n")); });
    return line;
  }

  function show(now) {
    var rows = at("rows");
    if (!rows.children.length) {
      head(now.columns);
      now.designs.forEach(function (design) { rows.append(row(design)); });
    }
    now.designs.forEach(function (design, place) {
      var cells = rows.children[place].cells;
      put(cells[1], design.state);
      design.cells.forEach(function (text, column) { put(cells[column + 2], text); });
    });
    put(at("said"), now.said);
    put(at("times"), now.times);
    at("whole").value = now.share;
  }

  function look() {
    fetch("progress.json", { cache: "no-store" }).then(function (answer) { return answer.json(); }).then(function (now) {
      missed = 0;
      show(now);
      if (now.state === "done") { location.replace("report"); return; }
      if (now.state === "running") { setTimeout(look, document.hidden ? LATE : SOON); }
    }).catch(function () {
      missed += 1;
      if (missed > 2) { put(at("said"), "The run does not answer: it has ended, or was stopped. Its terminal says how."); }
      if (missed < ENOUGH) { setTimeout(look, LATE); }
    });
  }

  document.documentElement.dataset.theme = matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
  show(JSON.parse(at("state").textContent));
  if (location.protocol !== "file:") { setTimeout(look, SOON); }
})();
