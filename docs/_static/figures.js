// Draws the figures of the gallery, each of which stands in its page as JSON. On white, since their inks are made for it.
document.addEventListener("DOMContentLoaded", () => {
  for (const box of document.querySelectorAll(".plotly-figure")) {
    const figure = JSON.parse(box.querySelector("script").textContent);
    box.style.background = "#fff";
    Plotly.newPlot(box, figure.data, figure.layout, { displayModeBar: false, responsive: true });
  }
});
