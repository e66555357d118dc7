// What is known of the model: its facts, its evaluation and loss by language, the documents of its release.

import { get } from "./api.js";
import { element } from "./trace.js";
import { languageName, number, word } from "./words.js";

const place = document.getElementById("about-model");
const NAMED = /^(.*) \(([\w-]+)\)$/; // "Malti (mt)"

// What the server knows of a model beside its card: { traced, release, base }; nothing of a server that does not tell.
export async function know(model) {
  try {
    return await get(`/about?model=${encodeURIComponent(model.id)}`);
  } catch {
    return { traced: false, release: null };
  }
}

export function draw(model, known) {
  const facts = model.openbook;
  const release = known.release;
  const own = Object.fromEntries((release?.evaluation ?? []).map((one) => NAMED.exec(one.language)).filter(Boolean).map(([, name, code]) => [code, name]));
  const named = (code) => languageName(code, own[code]);
  const list = element("dl");
  row(list, "license", facts.license);
  row(list, "provider", release?.facts.provider);
  row(list, "use", release?.facts.intended_use);
  row(list, "limits", release?.facts.limits);
  row(list, "documents", release?.facts.documents && number(release.facts.documents));
  row(list, "tokens_read", release?.facts.tokens_seen && number(release.facts.tokens_seen));
  row(list, "languages", facts.languages?.length && facts.languages.map(named).sort(byLanguage).join(", "));
  row(list, "release", facts.release, "code");
  row(list, "digest", facts.sha256, "code");
  place.replaceChildren(list);
  if (!release) {
    place.append(element("p", word("about_none"), "soft"));
    return;
  }
  if (known.base) place.append(element("p", word("of_base", { model: known.base }), "soft"));
  if (release.papers.length) place.append(...papers(model, release.papers));
  if (release.evaluation.length) place.append(...evaluation(release.evaluation, named));
  if (release.loss) place.append(...loss(release.loss, named));
}

function row(list, name, value, kind = "") {
  if (!value) return;
  const said = element("dd", value, kind);
  said.dir = "auto";
  list.append(element("dt", word(name)), said);
}

// The documents in the language of the page where there are such, else in English, else in whatever there is.
function papers(model, all) {
  const there = new Set(all.map((one) => one.language));
  const wanted = [document.documentElement.lang, "en", ...there].find((code) => there.has(code));
  const list = element("ul");
  for (const one of all.filter((paper) => paper.language === wanted)) {
    const link = element("a", one.title);
    link.href = `/about/${encodeURIComponent(model.id)}/${one.path}`;
    link.target = "_blank";
    link.rel = "noopener";
    link.hreflang = one.language;
    const item = element("li");
    item.append(link);
    list.append(item);
  }
  return [element("h2", word("papers")), list];
}

function evaluation(rows, named) {
  const head = ["language", "column_bits", "column_interval", "column_packed", "column_price"];
  const lines = rows.map((one) => {
    const code = NAMED.exec(one.language)?.[2];
    return [
      code ? named(code) : one.language,
      figure(one.bits_per_byte, 2),
      one.low === null ? "" : `${figure(one.low, 2)}–${figure(one.high, 2)}`,
      figure(one.baseline, 2),
      figure(one.tokens_to_english, 2),
    ];
  });
  return [element("h2", word("evaluation")), element("p", word("evaluation_note"), "soft"), table(head.map((name) => word(name === "language" ? "column_language" : name)), lines)];
}

function loss(found, named) {
  const head = [word("column_language"), ...found.files.map((file) => file.name)];
  const lines = Object.entries(found.languages).map(([code, values]) => [named(code), ...values.map((value) => figure(value, 4))]);
  const sizes = [word("size"), ...found.files.map((file) => (file.bytes ? `${number(file.bytes / 2 ** 20, 1)} MiB` : ""))];
  return [element("h2", word("loss")), element("p", word("loss_note"), "soft"), table(head, lines, sizes)];
}

function table(head, lines, first = null) {
  const made = element("table");
  const top = element("thead");
  const columns = element("tr");
  for (const name of head) {
    const cell = element("th", name);
    cell.scope = "col";
    columns.append(cell);
  }
  top.append(columns);
  const body = element("tbody");
  for (const cells of [...(first ? [first] : []), ...lines.sort((a, b) => byLanguage(a[0], b[0]))]) {
    const line = element("tr");
    cells.forEach((value, at) => {
      const cell = element(at ? "td" : "th", value);
      if (!at) cell.scope = "row";
      line.append(cell);
    });
    body.append(line);
  }
  made.append(top, body);
  const frame = element("div", "", "frame");
  frame.tabIndex = 0; // so that a wide table can be moved by keyboard
  frame.setAttribute("role", "region");
  frame.setAttribute("aria-label", head[0]);
  frame.append(made);
  return frame;
}

function figure(value, digits) {
  return value === null || value === undefined ? "" : number(value, digits, digits);
}

function byLanguage(one, other) {
  return one.localeCompare(other, document.documentElement.lang);
}
