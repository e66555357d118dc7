// Where an answer stands in the training data: its passages underlined, and beside each the documents that hold it.

import { ask } from "./api.js";
import { number, word } from "./words.js";

let counter = 0;

const [SHORT, LONG] = [3, 5]; // words of a passage that is worth showing where nothing longer was found, and where it was

// Asks for the passages of a text: [{ start, end, documents, … }], in code points.
export async function passages(model, text) {
  const found = (await ask("/v1/trace", { model, text, least_words: SHORT })).spans;
  const long = found.filter((span) => span.words >= LONG);
  return long.length ? long : found;
}

// Underlines in several places that follow one another what was found in their texts together.
export function underlineAll(places, spans) {
  let before = 0;
  for (const place of places) {
    const length = Array.from(place.textContent).length;
    const own = spans
      .map((span) => ({ ...span, start: Math.max(0, span.start - before), end: Math.min(length, span.end - before) }))
      .filter((span) => span.start < span.end);
    underline(place, place.textContent, own);
    before += length;
  }
}

// Underlines the passages in `place`, which shows `text`; each opens its sources. Where two overlap, the rarer words win.
export function underline(place, text, spans) {
  close(place);
  place.setAttribute("aria-live", "off"); // the words are the same: a screen reader need not read them again
  const points = Array.from(text);
  const owner = new Array(points.length).fill(null);
  for (const span of [...spans].sort((a, b) => a.bits - b.bits)) owner.fill(span, span.start, span.end);
  const parts = [];
  for (let start = 0, end = 0; start < points.length; start = end) {
    while (end < points.length && owner[end] === owner[start]) end += 1;
    const piece = points.slice(start, end).join("");
    parts.push(owner[start] ? passage(place, piece, owner[start]) : document.createTextNode(piece));
  }
  place.replaceChildren(...parts);
}

// A button that breaks over lines as text does, which <button> cannot.
function passage(place, piece, span) {
  const mark = document.createElement("mark");
  mark.textContent = piece;
  mark.tabIndex = 0;
  mark.setAttribute("role", "button");
  mark.setAttribute("aria-expanded", "false");
  mark.setAttribute("aria-description", word("passage"));
  mark.addEventListener("click", () => toggle(place, mark, span));
  mark.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" && event.key !== " ") return;
    event.preventDefault();
    toggle(place, mark, span);
  });
  return mark;
}

function toggle(place, mark, span) {
  const shown = mark.getAttribute("aria-expanded") === "true";
  close(place);
  if (shown) return;
  const panel = sources(span);
  panel.id = `sources-${(counter += 1)}`;
  panel.querySelector("button").addEventListener("click", leave);
  mark.setAttribute("aria-expanded", "true");
  mark.setAttribute("aria-controls", panel.id);
  panel.style.setProperty("--top", `${mark.offsetTop}px`);
  place.closest(".text").after(panel);
  panel.focus({ preventScroll: true });
  panel.scrollIntoView({ block: "nearest" });
}

// Closes the sources that are open, if any, and goes back to their passage. True when there were some.
export function leave() {
  const mark = document.querySelector('mark[aria-expanded="true"]');
  if (!mark) return false;
  close(mark);
  mark.focus();
  return true;
}

export function close(place) {
  place.closest(".text").parentElement.querySelector(".sources")?.remove();
  for (const mark of place.closest(".text").querySelectorAll("mark[aria-controls]")) {
    mark.setAttribute("aria-expanded", "false");
    mark.removeAttribute("aria-controls");
  }
}

function sources(span) {
  const panel = element("section", "", "sources");
  panel.tabIndex = -1;
  panel.setAttribute("aria-live", "off");
  panel.setAttribute("aria-label", word("sources"));
  const head = element("header");
  const button = element("button", word("close"), "quiet");
  button.type = "button";
  head.append(element("h2", word("sources")), button);
  const list = element("ol");
  list.append(...span.documents.map(source));
  const quote = element("p", span.text.length > 200 ? `${span.text.slice(0, 200)}…` : span.text, "title");
  quote.dir = "auto";
  panel.append(head, quote, element("p", word("occurrences", { count: number(span.occurrences) }), "soft"), list);
  return panel;
}

function source(one) {
  const item = element("li");
  if (one.rights !== "open") {
    item.append(element("p", word("sealed")), fact("document", one.id));
    return item;
  }
  const title = element("p", "", "title");
  title.dir = "auto";
  title.append(/^https?:/.test(one.url) ? link(one.url, one.title || one.url) : one.title || one.url);
  const quote = element("blockquote");
  quote.dir = "auto";
  quote.append(one.before.slice(-60), element("b", "…"), one.after.slice(0, 60));
  const license = one.license || word("not_recorded");
  item.append(title, fact("address", one.url), fact("license", license), quote);
  if (one.reservations.length) item.append(fact("reserved", one.reservations.join(", ")));
  if (one.removal && one.removal !== "none") item.append(element("p", word("removal_asked"), "warn"));
  if (one.steps?.length) item.append(fact("steps", shortened(one.steps)));
  else if (one.steps) item.append(element("p", word("steps_none"), "soft"));
  item.append(fact("document", one.id));
  return item;
}

function shortened(steps) {
  const shown = steps.slice(0, 6).map((step) => number(step)).join(", ");
  return steps.length > 6 ? `${shown} … (${number(steps.length)})` : shown;
}

function fact(name, value) {
  const line = element("p", "", `fact ${name}`);
  const said = element("bdi", value);
  line.append(`${word(name)}: `, said);
  return line;
}

function link(address, text) {
  const found = element("a", text);
  found.href = address;
  found.target = "_blank";
  found.rel = "noopener noreferrer nofollow";
  return found;
}

export function element(name, text = "", kind = "") {
  const made = document.createElement(name);
  made.textContent = text;
  if (kind) made.className = kind;
  return made;
}

// The button under an answer that asks for its passages, and tells afterwards how many there are. `places` hold the
// text, one after the other.
export function tracer(places, model, known, keep) {
  const button = element("button", "", "quiet trace");
  button.type = "button";
  let running = false;
  const said = () => places.map((place) => place.textContent).join("");
  const tell = (spans, aloud) => {
    button.textContent = spans.length ? word("traced", { count: number(spans.length) }) : word("traced_none");
    button.disabled = true;
    if (aloud) document.getElementById("announce").textContent = button.textContent;
  };
  const find = async () => {
    if (running || button.disabled) return;
    running = true;
    button.textContent = word("tracing");
    const asked = said();
    try {
      const spans = await passages(model(), asked);
      if (said() !== asked) return; // the next answer has already begun here
      keep?.(spans);
      underlineAll(places, spans);
      tell(spans, true);
    } catch (trouble) {
      button.textContent = trouble.message;
    } finally {
      running = false;
    }
  };
  button.textContent = word("trace");
  button.addEventListener("click", find);
  if (known) {
    underlineAll(places, known);
    tell(known, false);
  }
  return { button, find };
}
