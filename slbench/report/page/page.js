"use strict";
// Without this script every table and every source is there. It adds tabs, filters, sorting, and an address for what is shown.
(() => {
  const all = (selector, inside = document) => [...inside.querySelectorAll(selector)];
  const form = document.querySelector("form.filters");
  const tabs = all("[role=tab]");
  const panels = all("[role=tabpanel]");
  const bodies = all("tbody");
  const FILTERS = ["task", "protocol", "inputs", "kind", "q"];
  const texts = new Map(bodies.map((body) => [body, body.textContent.toLowerCase()]));
  const first = new Map(bodies.map((body, index) => [body, index]));
  const state = { family: tabs[0]?.dataset.family ?? "", sort: "" };

  function toggle(body, open) {
    body.querySelector(".more").hidden = !open;
    body.querySelector(".score").setAttribute("aria-expanded", String(open));
  }

  function wanted(body) {
    const section = body.closest(".standing");
    const { protocol, inputs, kind, q, task } = form.elements;
    return (!task.value || section.dataset.key === task.value) &&
      (!protocol.value || body.dataset.protocol === protocol.value) &&
      (!inputs.value || body.dataset.inputs === inputs.value) &&
      (!kind.value || body.dataset.kind === kind.value) &&
      q.value.toLowerCase().split(/\s+/).every((word) => texts.get(body).includes(word));
  }

  function compared(key, one, other) {
    const a = one.dataset[key], b = other.dataset[key];
    if (key === "value" || key === "year") {
      return (a === "" ? Infinity : Number(a)) - (b === "" ? Infinity : Number(b));
    }
    if (key === "place") {
      return (a === "–") - (b === "–") || a.localeCompare(b, "en", { numeric: true });
    }
    return a.localeCompare(b, "en", { sensitivity: "base" });
  }

  function sort() {
    const [key, direction] = state.sort.split(":");
    const sign = direction === "descending" ? -1 : 1;
    for (const table of all("table")) {
      const rows = all("tbody", table);
      rows.sort((one, other) => (key ? sign * compared(key, one, other) : 0) || first.get(one) - first.get(other));
      table.append(...rows);
      for (const header of all("th[data-sort]", table)) {
        if (header.dataset.sort === key) header.setAttribute("aria-sort", direction);
        else header.removeAttribute("aria-sort");
      }
    }
  }

  function show() {
    for (const tab of tabs) {
      const chosen = tab.dataset.family === state.family;
      tab.setAttribute("aria-selected", String(chosen));
      tab.tabIndex = chosen ? 0 : -1;
    }
    for (const panel of panels) panel.hidden = panel.dataset.family !== state.family;
    for (const option of all("option[data-family]", form)) option.hidden = option.dataset.family !== state.family;
    const shown = new Set(bodies.filter(wanted));
    for (const body of bodies) body.hidden = !shown.has(body);
    for (const dot of all(".dot")) dot.classList.toggle("gone", !shown.has(document.getElementById(dot.dataset.row)));
    for (const section of all(".standing")) section.hidden = !all("tbody", section).some((body) => shown.has(body));
    const count = [...shown].filter((body) => body.closest("[role=tabpanel]").dataset.family === state.family).length;
    document.querySelector(".count").textContent = `${count} row${count === 1 ? "" : "s"}`;
  }

  function remember() {
    const values = new URLSearchParams({ family: state.family });
    for (const name of FILTERS) if (form.elements[name].value) values.set(name, form.elements[name].value);
    if (state.sort) values.set("sort", state.sort);
    history.replaceState(null, "", `#${values}`);
  }

  function restore() {
    const address = location.hash.slice(1);
    const row = address ? document.getElementById(address) : null;
    if (row?.matches("tbody")) {
      choose(row.closest("[role=tabpanel]").dataset.family, false);
      toggle(row, true);
      row.scrollIntoView({ block: "center" });
      return;
    }
    if (!address.includes("=")) return;
    const values = new URLSearchParams(address);
    for (const name of FILTERS) {
      const field = form.elements[name], value = values.get(name) ?? "";
      field.value = name === "q" || all("option", field).some((option) => option.value === value) ? value : "";
    }
    if (tabs.some((tab) => tab.dataset.family === values.get("family"))) state.family = values.get("family");
    const [key, direction] = (values.get("sort") ?? "").split(":");
    const known = document.querySelector(`th[data-sort="${CSS.escape(key)}"]`) && /^(ascending|descending)$/.test(direction);
    state.sort = known ? `${key}:${direction}` : "";
  }

  function choose(family, forget = true) {
    state.family = family;
    if (forget) form.elements.task.value = "";
    show();
  }

  for (const header of all("th[data-sort]")) {
    const button = document.createElement("button");
    button.append(...header.childNodes);
    header.append(button);
    button.addEventListener("click", () => {
      const key = header.dataset.sort, up = state.sort === `${key}:ascending`;
      state.sort = `${key}:${up ? "descending" : "ascending"}`;
      sort();
      remember();
    });
  }
  for (const body of bodies) {
    toggle(body, false);
    const button = body.querySelector(".score");
    button.addEventListener("click", () => toggle(body, button.getAttribute("aria-expanded") === "false"));
    body.addEventListener("keydown", (event) => {
      if (event.key !== "Escape") return;
      toggle(body, false);
      button.focus();
    });
  }
  for (const [index, tab] of tabs.entries()) {
    tab.addEventListener("click", () => { choose(tab.dataset.family); remember(); });
    tab.addEventListener("keydown", (event) => {
      const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
      if (!step) return;
      const next = tabs[(index + step + tabs.length) % tabs.length];
      next.focus();
      next.click();
    });
  }
  for (const event of ["input", "change"]) form.addEventListener(event, () => { show(); remember(); });
  form.addEventListener("submit", (event) => event.preventDefault());
  addEventListener("hashchange", () => { restore(); sort(); show(); });
  restore();
  sort();
  show();
})();
