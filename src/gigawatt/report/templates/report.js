"use strict";
(() => {
  const dark = window.matchMedia("(prefers-color-scheme: dark)");
  const counterparts = JSON.parse(document.getElementById("dark-colours").textContent);
  const config = { displayModeBar: false, responsive: true };

  function draw(forceLight) {
    for (const source of document.querySelectorAll("script[data-figure]")) {
      let text = source.textContent;
      if (dark.matches && !forceLight) {
        for (const [light, night] of Object.entries(counterparts)) text = text.replaceAll(light, night);
      }
      const figure = JSON.parse(text);
      const place = document.getElementById(source.dataset.figure);
      if (place.clientWidth < 640 && figure.layout.annotations) {
        figure.layout.annotations = figure.layout.annotations.filter((item) => item.name !== "label");
      }
      if (place.clientWidth < 640 && figure.layout.meta === "map") {
        figure.layout.height = Math.round(place.clientWidth * 0.6) + 90;
        place.style.height = `${figure.layout.height}px`;
      }
      window.Plotly.react(place, figure.data, figure.layout, config);
    }
  }

  function sortable(table) {
    const body = table.tBodies[0];
    table.tHead.addEventListener("click", (event) => {
      const head = event.target.closest("th");
      if (!head) return;
      const column = head.cellIndex;
      const down = head.getAttribute("aria-sort") === "ascending";
      const value = (row) => row.cells[column].dataset.value ?? row.cells[column].textContent.trim();
      const rows = [...body.rows].sort((a, b) => {
        const [x, y] = [value(a), value(b)];
        const numeric = x !== "" && y !== "" && !isNaN(x) && !isNaN(y);
        return (numeric ? x - y : x.localeCompare(y)) * (down ? -1 : 1);
      });
      for (const other of head.parentNode.cells) other.removeAttribute("aria-sort");
      head.setAttribute("aria-sort", down ? "descending" : "ascending");
      body.append(...rows);
    });
  }

  function filterable(tools) {
    const table = document.getElementById(tools.dataset.for);
    const [search, grade, origin] = ["search", "grade", "origin"].map((name) => tools.querySelector(`[name=${name}]`));
    const count = tools.querySelector("output");
    function apply() {
      const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
      let shown = 0;
      for (const row of table.tBodies[0].rows) {
        const text = row.textContent.toLowerCase();
        const fits = words.every((word) => text.includes(word)) &&
          (!grade.value || row.dataset.grade === grade.value) && (!origin.value || row.dataset.origin === origin.value);
        row.hidden = !fits;
        if (fits) shown += 1;
      }
      count.textContent = `${shown} of ${table.tBodies[0].rows.length}`;
    }
    tools.addEventListener("input", apply);
    apply();
  }

  draw(false);
  dark.addEventListener("change", () => draw(false));
  window.addEventListener("beforeprint", () => draw(true));
  window.addEventListener("afterprint", () => draw(false));
  document.querySelectorAll("table.sortable").forEach(sortable);
  document.querySelectorAll(".tools").forEach(filterable);
})();
