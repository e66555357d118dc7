// The conversation: what was said, and how it goes on.

import { copy, receive } from "./answer.js";
import * as parameters from "./parameters.js";
import { recall, remember } from "./store.js";
import { tracer } from "./trace.js";
import { word } from "./words.js";

const list = document.getElementById("messages");
const field = document.getElementById("message");

let said = [];
let traced = new Set(); // names of the models whose answers can be traced
const found = new WeakMap(); // message -> its passages, as long as the page is open

export function traceable(names) {
  traced = names;
  draw();
}

export function open() {
  said = recall("messages", []);
  draw();
}

export function clear() {
  said = [];
  remember("messages", said);
  draw();
  field.focus();
}

export function draw() {
  list.replaceChildren();
  if (!said.length) {
    const empty = document.createElement("li");
    empty.className = "empty";
    empty.textContent = word("empty");
    list.append(empty);
  }
  for (const message of said) add(message);
}

export async function send(model, signal) {
  const text = field.value.trim();
  if (!text) return;
  list.querySelector(".empty")?.remove();
  field.value = "";
  said.push({ role: "user", content: text });
  add(said.at(-1)).scrollIntoView({ block: "start" });
  const instruction = parameters.system();
  const turns = said.map(({ role, content }) => ({ role, content }));
  const messages = instruction ? [{ role: "system", content: instruction }, ...turns] : turns;
  const reply = { role: "assistant", content: "", model: model.id };
  const item = add(reply);
  const place = item.querySelector(".text");
  item.classList.add("busy");
  item.setAttribute("aria-busy", "true"); // read when it is whole, not at every piece
  const body = { model: model.id, messages, ...parameters.sampling() };
  const answer = await receive("/v1/chat/completions", body, signal, item.querySelector(".speed"), (soFar) => {
    place.textContent = soFar;
    keepInView();
  });
  item.classList.remove("busy");
  item.removeAttribute("aria-busy");
  if (answer.failed) fail(item, answer.failed);
  reply.content = answer.text;
  if (answer.text) said.push(reply);
  else said.pop(); // an unanswered question would be asked twice
  if (!answer.text && !answer.failed) item.remove();
  if (!answer.text) field.value = text;
  remember("messages", said.slice(-100));
  item.find?.();
}

function add(message) {
  const item = document.createElement("li");
  item.className = `message ${message.role}`;
  const who = document.createElement("span");
  who.className = "hidden";
  who.textContent = word(message.role === "user" ? "you" : "model");
  const text = document.createElement("p");
  text.className = "text";
  text.dir = "auto";
  text.textContent = message.content;
  item.append(who, text);
  if (message.role === "assistant") item.append(foot(item, text, message));
  list.append(item);
  return item;
}

function foot(item, text, message) {
  const foot = document.createElement("footer");
  const speed = document.createElement("span");
  speed.className = "speed";
  const button = document.createElement("button");
  button.type = "button";
  button.className = "quiet";
  button.dataset.word = "copy";
  button.textContent = word("copy");
  button.addEventListener("click", () => copy(text.textContent));
  foot.append(speed, button);
  if (traced.has(message.model)) {
    const sources = tracer([text], () => message.model, found.get(message), (spans) => found.set(message, spans));
    item.find = sources.find;
    foot.append(sources.button);
  }
  return foot;
}

function fail(item, reason) {
  const line = document.createElement("p");
  line.className = "failure";
  line.setAttribute("role", "alert");
  line.textContent = reason;
  item.querySelector("footer").before(line);
}

function keepInView() {
  const page = document.documentElement;
  if (page.scrollHeight - page.scrollTop - page.clientHeight < 160) page.scrollTop = page.scrollHeight;
}
