"use strict";
// Whether a cell or a family is open is what its <details> and its button say; everything else follows from that and the filter.
(() => {
  const all = (selector, of = document) => [...of.querySelectorAll(selector)];
  const byId = (id) => document.getElementById(id);
  const [text, subject, only, count] = ["text", "subject", "only", "count"].map(byId);
  const isOpen = (button) => button.getAttribute("aria-expanded") === "true";
  const setOpen = (button, open) => button.setAttribute("aria-expanded", String(open));

  const scenarios = (body) => all("tr.scenario", body).map((row) => {
    const found = row.nextElementSibling;
    const panels = all("details", found).map((panel) => ({
      panel, column: panel.dataset.s, isFinding: "found" in panel.dataset, said: panel.textContent.toLowerCase(),
      button: row.querySelector(`[aria-controls="${panel.id}"]`),
    }));
    return { row, found, panels, said: row.querySelector("th").textContent.toLowerCase() };
  });
  const families = all("tbody.family").map((body) => {
    const button = body.querySelector("button.name");
    const sums = all("button.sum", body).map((sum) => ({ button: sum, column: sum.closest("td").dataset.s }));
    return { body, button, sums, said: button.textContent.toLowerCase(), scenarios: scenarios(body) };
  });
  const columns = all("th[data-s], td[data-s]");

  const isShown = (panel) => subject.value === "" || panel.column === subject.value;

  const fits = (family, scenario) => {
    const panels = scenario.panels.filter(isShown);
    const wanted = text.value.trim().toLowerCase();
    const hasText = [family, scenario, ...panels].some(({ said }) => said.includes(wanted));
    return hasText && (!only.checked || panels.some(({ isFinding }) => isFinding));
  };

  const showScenario = (scenario, isVisible) => {
    let any = false;
    for (const one of scenario.panels) {
      one.panel.hidden = !one.panel.open || !isShown(one);
      any ||= !one.panel.hidden;
      setOpen(one.button, one.panel.open);
    }
    scenario.row.hidden = !isVisible;
    scenario.found.hidden = !isVisible || !any;
  };

  const panelsOf = (family, column) =>
    family.scenarios.flatMap(({ panels }) => panels).filter((one) => one.column === column);

  const show = () => {
    let shown = 0, sum = 0;
    for (const cell of columns) cell.hidden = subject.value !== "" && cell.dataset.s !== subject.value;
    for (const family of families) {
      const fitting = family.scenarios.filter((scenario) => fits(family, scenario));
      for (const scenario of family.scenarios) showScenario(scenario, isOpen(family.button) && fitting.includes(scenario));
      for (const { button, column } of family.sums) {
        setOpen(button, isOpen(family.button) && panelsOf(family, column).some(({ panel }) => panel.open));
      }
      family.body.hidden = fitting.length === 0;
      shown += fitting.length;
      sum += family.scenarios.length;
    }
    count.textContent = `${shown} of ${sum} scenarios`;
  };

  // The findings of one subject in a family; all that is there of it where it has none.
  const toggleColumn = (family, column) => {
    const of = panelsOf(family, column);
    const findings = of.filter(({ isFinding }) => isFinding);
    const panels = findings.length > 0 ? findings : of;
    const open = !(isOpen(family.button) && panels.every(({ panel }) => panel.open));
    for (const { panel } of panels) panel.open = open;
    if (open) setOpen(family.button, true);
    show();
  };

  for (const family of families) {
    family.button.addEventListener("click", () => { setOpen(family.button, !isOpen(family.button)); show(); });
    for (const { button, column } of family.sums) button.addEventListener("click", () => toggleColumn(family, column));
    for (const { panel, button } of family.scenarios.flatMap(({ panels }) => panels)) {
      button.addEventListener("click", () => { panel.open = !panel.open; show(); });
      // Closed by its own line: it goes, and who was there is at its cell again.
      panel.addEventListener("toggle", () => {
        if (isOpen(button) === panel.open) return;
        show();
        if (!panel.open) button.focus();
      });
    }
  }
  text.addEventListener("input", () => {
    for (const { button } of families) setOpen(button, text.value.trim() !== "");
    show();
  });
  for (const control of [subject, only]) control.addEventListener("input", show);
  byId("fold").addEventListener("click", () => {
    for (const { button, scenarios } of families) {
      setOpen(button, false);
      for (const { panel } of scenarios.flatMap(({ panels }) => panels)) panel.open = false;
    }
    show();
  });
  document.documentElement.classList.add("js");
  show();
})();
