// Completion: the model goes on from the beginning of a text.

import { copy, forget, receive, retell } from "./answer.js";
import * as parameters from "./parameters.js";
import { recall, remember } from "./store.js";
import { close, tracer } from "./trace.js";

const field = document.getElementById("beginning");
const answer = document.getElementById("continuation");
const given = answer.querySelector(".given");
const text = answer.querySelector(".text");
const written = answer.querySelector(".written");
const speed = answer.querySelector(".speed");

export function open() {
  field.value = recall("beginning", "");
  field.addEventListener("input", () => remember("beginning", field.value));
  answer.querySelector(".copy").addEventListener("click", () => copy(given.textContent + written.textContent));
  answer.querySelector(".keep").addEventListener("click", () => {
    field.value = given.textContent + written.textContent;
    remember("beginning", field.value);
    answer.hidden = true;
    field.focus();
  });
}

let traced = new Set(); // names of the models whose answers can be traced
let last = null; // the model of the answer that stands there, and its passages

export function traceable(names) {
  traced = names;
}

export function clear() {
  field.value = "";
  remember("beginning", "");
  answer.hidden = true;
  field.focus();
}

// Says anew, in the language of the page, what stands below the text.
export function draw() {
  retell(speed);
  if (last) offer(last.model, last.spans);
}

// The passages of beginning and continuation together: a passage may begin in what was given.
function offer(model, spans) {
  last = { model, spans };
  const sources = tracer([given, written], () => model, spans, (found) => (last.spans = found));
  answer.querySelector(".tracer").replaceChildren(sources.button);
  return sources;
}

export async function send(model, signal) {
  answer.querySelector(".failure")?.remove();
  given.textContent = field.value;
  written.textContent = "";
  forget(speed);
  last = null;
  close(text);
  for (const place of [given, written]) place.removeAttribute("aria-live");
  answer.querySelector(".tracer").replaceChildren();
  answer.hidden = false;
  answer.classList.add("busy");
  text.setAttribute("aria-busy", "true"); // read when it is whole, not at every piece
  const body = { model: model.id, prompt: field.value, ...parameters.sampling() };
  const result = await receive("/v1/completions", body, signal, speed, (soFar) => {
    written.textContent = soFar;
  });
  answer.classList.remove("busy");
  text.removeAttribute("aria-busy");
  if (result.failed) {
    const line = document.createElement("p");
    line.className = "failure";
    line.setAttribute("role", "alert");
    line.textContent = result.failed;
    answer.querySelector("footer").before(line);
  }
  if (!traced.has(model.id) || !written.textContent) return;
  offer(model.id, null).find();
}
