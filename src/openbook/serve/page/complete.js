// Completion: the model goes on from the beginning of a text.

import { copy, receive } from "./answer.js";
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

export function traceable(names) {
  traced = names;
}

export function clear() {
  field.value = "";
  remember("beginning", "");
  answer.hidden = true;
  field.focus();
}

export async function send(model, signal) {
  answer.querySelector(".failure")?.remove();
  given.textContent = field.value;
  written.textContent = "";
  speed.textContent = "";
  close(text);
  written.removeAttribute("aria-live");
  answer.querySelector(".tracer").replaceChildren();
  answer.hidden = false;
  answer.classList.add("busy");
  const body = { model: model.id, prompt: field.value, ...parameters.sampling() };
  const result = await receive("/v1/completions", body, signal, speed, (soFar) => {
    written.textContent = soFar;
  });
  answer.classList.remove("busy");
  if (result.failed) {
    const line = document.createElement("p");
    line.className = "failure";
    line.setAttribute("role", "alert");
    line.textContent = result.failed;
    answer.querySelector("footer").before(line);
  }
  if (!traced.has(model.id) || !written.textContent) return;
  const sources = tracer(written, () => model.id, null, null);
  answer.querySelector(".tracer").replaceChildren(sources.button);
  sources.find();
}
