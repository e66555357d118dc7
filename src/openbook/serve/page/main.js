// The page: which model, which mode, which language; starts and stops answers.

import * as about from "./about.js";
import { listModels } from "./api.js";
import * as chat from "./chat.js";
import * as complete from "./complete.js";
import * as parameters from "./parameters.js";
import { recall, remember } from "./store.js";
import { leave } from "./trace.js";
import * as words from "./words.js";

const modes = { chat, complete };
const views = ["chat", "complete", "about"];
const known = {}; // name of a model -> what the server knows of it beside its card
const note = document.getElementById("note");
let house = null;
let model = null;
let running = null;

async function start() {
  await chooseLanguage(words.preferred(recall("language", null)));
  parameters.restore();
  for (const [name, mode] of Object.entries(modes)) {
    mode.open();
    const form = document.getElementById(`${name}-form`);
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      answer(mode, form);
    });
    form.querySelector(".stop").addEventListener("click", () => running?.abort());
    form.querySelector("textarea").addEventListener("keydown", (event) => sendKey(event, name, form));
  }
  for (const input of document.querySelectorAll("input[name=mode]")) {
    input.addEventListener("change", () => show(input.value));
  }
  document.getElementById("clear").addEventListener("click", () => {
    running?.abort();
    modes[mode()]?.clear();
  });
  document.addEventListener("keydown", (event) => event.key === "Escape" && (leave() || running?.abort()));
  try {
    house = await listModels();
    await Promise.all(house.data.map(async (card) => (known[card.id] = await about.know(card))));
    const traced = new Set(house.data.map((card) => card.id).filter((id) => known[id].traced));
    for (const mode of Object.values(modes)) mode.traceable(traced);
    choose(recall("model", null));
  } catch (trouble) {
    tell(trouble.message);
  }
}

function mode() {
  return document.querySelector("input[name=mode]:checked")?.value;
}

function show(name) {
  document.querySelector(`input[name=mode][value=${name}]`).checked = true;
  for (const view of views) document.getElementById(view).hidden = view !== name;
  for (const element of document.querySelectorAll(".chat-only")) element.hidden = name !== "chat";
  for (const id of ["parameters", "clear"]) document.getElementById(id).hidden = name === "about";
  note.hidden = name === "about" || !note.textContent;
  if (name === "about") return;
  if (model?.openbook.converses) remember("mode", name);
  document.querySelector(`#${name} textarea`).focus({ preventScroll: true });
}

// Takes the model of this name, or the first; where there are several, a list lets one choose.
function choose(name) {
  model = house.data.find((card) => card.id === name) ?? house.data[0];
  describe();
  if (mode() !== "about") show(model.openbook.converses ? recall("mode", "chat") : "complete");
}

function drawModel() {
  const place = document.getElementById("model");
  place.textContent = model.id;
  if (house.data.length === 1) return;
  const select = document.createElement("select");
  select.setAttribute("aria-label", words.word("choose_model"));
  select.title = words.word("choose_model");
  for (const card of house.data) select.add(choice(card));
  select.addEventListener("change", () => {
    remember("model", select.value);
    choose(select.value);
    place.querySelector("select").focus();
  });
  place.replaceChildren(select);
}

// An adapter is named behind the model that it changes; what is not loaded cannot be chosen.
function choice(card) {
  const name = card.parent ? `${card.parent} + ${card.id}` : card.id;
  const loaded = card.openbook.loaded !== false;
  const option = new Option(loaded ? name : `${name} (${words.word("not_loaded")})`, card.id, false, card === model);
  option.disabled = !loaded && card !== model;
  return option;
}

function describe() {
  const facts = model.openbook;
  drawModel();
  document.title = `${model.id} · Openbook`;
  if (house.openbook.content_logged) {
    const line = document.querySelector("footer.page p");
    line.dataset.word = "logged";
    line.textContent = words.word("logged");
  }
  const parts = [words.word(facts.converses ? "kind_chat" : "kind_base")];
  const count = words.number(facts.parameters / 1e6, facts.parameters < 1e7 ? 1 : 0);
  if (facts.parameters) parts.push(words.word("parameters", { count }));
  if (facts.context) parts.push(words.word("context", { count: words.number(facts.context) }));
  document.getElementById("facts").textContent = parts.join(" · ");
  document.querySelector("input[value=chat]").disabled = !facts.chat_template;
  about.draw(model, known[model.id]);
  tell(facts.converses ? "" : words.word("base_note"));
}

function tell(text) {
  note.textContent = text;
  note.hidden = !text || mode() === "about";
}

async function chooseLanguage(code) {
  const select = document.getElementById("language");
  if (!select.options.length) {
    for (const [value, name] of words.languages) select.add(new Option(name, value));
    select.addEventListener("change", async () => {
      remember("language", select.value);
      await chooseLanguage(select.value);
      document.getElementById("announce").textContent = "";
      for (const mode of Object.values(modes)) mode.draw();
    });
  }
  select.value = code;
  await words.load(code);
  if (model) describe();
}

function sendKey(event, name, form) {
  const plain = !event.shiftKey && !event.altKey && !event.isComposing;
  const wanted = name === "chat" ? plain || event.ctrlKey : event.ctrlKey || event.metaKey;
  if (event.key === "Enter" && wanted && !event.isComposing) {
    event.preventDefault();
    form.requestSubmit();
  }
}

async function answer(mode, form) {
  if (running || !model) return;
  running = new AbortController();
  const [send, stop] = [form.querySelector("[type=submit]"), form.querySelector(".stop")];
  send.hidden = true;
  stop.hidden = false;
  try {
    await mode.send(model, running.signal);
  } finally {
    running = null;
    send.hidden = false;
    stop.hidden = true;
  }
}

start();
