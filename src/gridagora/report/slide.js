// a figure as a picture fit for a slide or a memo: white ground, title, legend and where its numbers come from
var slides = (function () {
  "use strict";
  var WIDE = 1600, HIGH = 900, RIM = 40, TOP = 118, FOOT = 56, INK = "#23272f", SOFT = "#5d6573";
  var FONT = "Inter,'Segoe UI','Helvetica Neue',Roboto,'Liberation Sans',Arial,sans-serif";

  function safe(text) { return text.replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;").replace(/"/g, "&quot;"); }
  function words(text, x, y, size, tone, more) {
    return '<text x="' + x + '" y="' + y + '" font-size="' + size + '" fill="' + tone + '" ' + (more || "") + ">" + safe(text) + "</text>";
  }
  function heading(node) { return node.closest("figure").querySelector("h3").firstChild.textContent; }
  function chosen(node) {
    var boxes = node.closest("figure").querySelectorAll(".choose select");
    return Array.prototype.map.call(boxes, function (box) { return box.parentNode.firstChild.textContent + ": " + box.options[box.selectedIndex].text; }).join(" · ");
  }
  function source() {
    var main = document.getElementById("main"), kicker = document.querySelector(".kicker");
    return main.dataset.source || kicker.textContent + " · gridagora";
  }
  // a long line of small letters is cut where the picture ends
  function short(text, most) { return text.length > most ? text.slice(0, most - 1) + "…" : text; }

  function plotted(node, width, height) {
    var data = JSON.parse(JSON.stringify(node.data)), layout = JSON.parse(JSON.stringify(node.layout));
    data.forEach(function (trace) { if (trace.meta === "ink") { trace.line.color = INK; } });
    delete layout.updatemenus;
    Object.assign(layout, { width: width, height: height, font: Object.assign({}, layout.font, { size: 17, color: INK }) });
    layout.legend = Object.assign({}, layout.legend, { font: { size: 17 } });
    layout.margin = Object.assign({}, layout.margin, { l: 90, b: Math.max(70, layout.margin.b || 0) });
    Object.keys(layout).forEach(function (key) {
      if (/^[xy]axis/.test(key) && layout[key].title) { layout[key].title.font = { size: 17 }; layout[key].title.standoff = 12; }
    });
    (layout.annotations || []).forEach(function (each) { each.font = Object.assign({}, each.font, { size: 16 }); });
    return Plotly.toImage({ data: data, layout: layout }, { format: "svg", width: width, height: height }).then(function (address) {
      var text = decodeURIComponent(address.slice(address.indexOf(",") + 1));
      return text.replace(/^<svg /, '<svg x="' + RIM + '" y="' + TOP + '" ');
    });
  }

  function compose(node) {
    var width = WIDE - 2 * RIM, height = HIGH - TOP - FOOT;
    var drawing = node.mapOf ? Promise.resolve(node.mapOf(RIM, TOP, width, height)) : plotted(node, width, height);
    return drawing.then(function (body) {
      var space = document.createElement("div");
      space.innerHTML = "<svg></svg>";
      return '<svg xmlns="' + space.firstChild.namespaceURI + '" width="' + WIDE + '" height="' + HIGH + '" viewBox="0 0 ' + WIDE + " " + HIGH + '" font-family="' + FONT + '">' +
        '<rect width="' + WIDE + '" height="' + HIGH + '" fill="#ffffff"/>' +
        words(heading(node), RIM, 58, 34, INK, 'font-weight="650"') + words(short(chosen(node), 130), RIM, 92, 19, SOFT) +
        body + words(short(source(), 190), RIM, HIGH - 20, 15, SOFT) + "</svg>";
    });
  }

  function painted(text) {
    return new Promise(function (resolve, reject) {
      var image = new Image(), address = URL.createObjectURL(new Blob([text], { type: "image/svg+xml" }));
      image.onload = function () {
        var canvas = document.createElement("canvas");
        canvas.width = WIDE;
        canvas.height = HIGH;
        canvas.getContext("2d").drawImage(image, 0, 0);
        URL.revokeObjectURL(address);
        canvas.toBlob(resolve, "image/png");
      };
      image.onerror = reject;
      image.src = address;
    });
  }

  function save(node, kind) {
    return compose(node).then(function (text) {
      return kind === "png" ? painted(text) : new Blob([text], { type: "image/svg+xml" });
    }).then(function (blob) {
      var link = document.createElement("a");
      link.href = URL.createObjectURL(blob);
      link.download = "gridagora-" + node.id.replace("figure-", "") + "." + kind;
      link.click();
      setTimeout(function () { URL.revokeObjectURL(link.href); }, 1000);
    });
  }

  return { compose: compose, painted: painted, save: save };
})();
