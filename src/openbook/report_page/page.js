"use strict";
const onLanguage = [];
const figure = new Intl.NumberFormat("en", { maximumSignificantDigits: 3 });

function element(name, attributes = {}, ...children) {
  const made = name.startsWith("svg:")
    ? document.createElementNS("http://www.w3.org/2000/svg", name.slice(4)) : document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) if (value !== null) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

function panels(kind, draw) {
  for (const box of document.querySelectorAll(`[data-panel="${kind}"]`)) {
    const data = JSON.parse(box.querySelector("script").textContent);
    onLanguage.push((code, name) => draw(box.querySelector(".drawn"), data, code, name));
  }
}

function sortBy(heading) {
  const cell = heading.parentElement, table = cell.closest("table"), at = cell.cellIndex;
  const down = cell.getAttribute("aria-sort") !== "descending";
  for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
  cell.setAttribute("aria-sort", down ? "descending" : "ascending");
  const numeric = cell.classList.contains("number");
  const value = row => row.cells[at].dataset.value ?? row.cells[at].textContent;
  const order = (a, b) => numeric ? (+value(a) || 0) - (+value(b) || 0) : value(a).localeCompare(value(b));
  const rows = [...table.tBodies[0].rows].sort(order);
  table.tBodies[0].append(...(down ? rows.reverse() : rows));
}

for (const heading of document.querySelectorAll("th button")) heading.addEventListener("click", () => sortBy(heading));

const theme = document.getElementById("theme");
theme.addEventListener("change", () => {
  if (theme.value) document.documentElement.dataset.theme = theme.value;
  else delete document.documentElement.dataset.theme;
});

const language = document.getElementById("language");
const rule = document.getElementById("rule");

function showSamples() {
  const code = language ? language.value : "", wanted = rule ? rule.value : "";
  for (const group of document.querySelectorAll(".judged")) {
    let shown = 0, there = 0;
    for (const sample of group.querySelectorAll(".sample")) {
      const fits = !code || sample.dataset.group === code;
      there += fits;
      sample.hidden = !fits || (!code && shown >= 6);
      shown += !sample.hidden;
    }
    group.hidden = !there || (wanted !== "" && group.dataset.rule !== "" && group.dataset.rule !== wanted);
    group.querySelector(".more").hidden = shown === there;
  }
  for (const none of document.querySelectorAll(".none"))
    none.hidden = [...none.parentElement.querySelectorAll(".judged")].some(group => !group.hidden);
}

function chooseLanguage() {
  const name = language && language.value ? language.selectedOptions[0].textContent : "all languages";
  for (const draw of onLanguage) draw(language ? language.value : "", name);
  showSamples();
}
language?.addEventListener("change", chooseLanguage);
rule?.addEventListener("change", showSamples);
addEventListener("DOMContentLoaded", chooseLanguage);
