const chain = document.querySelector(".chain"), said = document.querySelector(".copied");

function choose(name, follow) {
  const record = document.getElementById("node-" + name);
  if (!record) return;
  for (const one of chain.querySelectorAll(".record")) one.classList.toggle("open", one === record);
  for (const one of chain.querySelectorAll(".node"))
    if (one.dataset.node === name) one.setAttribute("aria-current", "true"); else one.removeAttribute("aria-current");
  for (const one of chain.querySelectorAll(".link"))
    one.classList.toggle("chosen", one.dataset.from === name || one.dataset.to === name);
  if (!follow) return;
  record.querySelector("h3").focus({ preventScroll: true });
  record.scrollIntoView({ block: "nearest" });
  if (record.getBoundingClientRect().top > innerHeight * .75) record.scrollIntoView({ block: "start" });
}

document.addEventListener("click", event => {
  const link = event.target.closest('a[href^="#node-"]');
  if (link) {
    event.preventDefault();
    const name = link.getAttribute("href").slice(6);
    history.replaceState(null, "", "#node-" + name);
    choose(name, true);
  }
  const button = event.target.closest("button.copy");
  if (button) copy(button.dataset.copy);
});

async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    const field = element("textarea", { class: "copying" });
    field.value = text;
    document.body.append(field);
    field.select();
    document.execCommand("copy");
    field.remove();
  }
  said.textContent = "Copied " + text.slice(0, 12) + "…";
  setTimeout(() => { said.textContent = ""; }, 2500);
}

chain.classList.add("chosen-only");
const broken = chain.querySelector(".node.broken"), nodes = [...chain.querySelectorAll(".node")];
const asked = location.hash.startsWith("#node-") ? location.hash.slice(6) : null;
choose(asked ?? (broken ?? nodes.at(-1)).dataset.node, false);

const chosen = document.getElementById("document");
function showDocument() {
  const wanted = document.documentElement.dataset.theme;
  for (const frame of document.querySelectorAll("iframe.document")) {
    frame.hidden = frame.dataset.at !== chosen.value;
    if (frame.hidden) continue;
    frame.dataset.html ??= frame.getAttribute("srcdoc");
    const html = wanted ? frame.dataset.html.replace("<html ", `<html data-theme="${wanted}" `) : frame.dataset.html;
    if (frame.getAttribute("srcdoc") !== html) frame.setAttribute("srcdoc", html);
  }
  for (const link of document.querySelectorAll(".documents .open")) link.hidden = link.dataset.at !== chosen.value;
}
chosen?.addEventListener("change", showDocument);
if (chosen) theme.addEventListener("change", showDocument);
