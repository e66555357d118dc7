// The language of the interface: words/<code>.json; English where the browser's languages are not among them.

const NAMES = {
  bg: "Български", cs: "Čeština", da: "Dansk", de: "Deutsch", el: "Ελληνικά", en: "English", es: "Español", fi: "Suomi",
  fr: "Français", hu: "Magyar", it: "Italiano", nl: "Nederlands", pl: "Polski", pt: "Português", ro: "Română", sv: "Svenska",
};
let words = {};

export const languages = Object.entries(NAMES);

export function preferred(kept) {
  const wishes = [kept, ...navigator.languages].filter(Boolean).map((code) => code.toLowerCase().split("-")[0]);
  return wishes.find((code) => code in NAMES) ?? "en";
}

export async function load(code) {
  words = await (await fetch(`/page/words/${code}.json`)).json();
  document.documentElement.lang = code;
  for (const element of document.querySelectorAll("[data-word]")) element.textContent = word(element.dataset.word);
  for (const element of document.querySelectorAll("[data-placeholder]")) element.placeholder = word(element.dataset.placeholder);
}

export function word(key, values = {}) {
  return Object.entries(values).reduce((text, [name, value]) => text.replaceAll(`{${name}}`, value), words[key] ?? key);
}

export function number(value, digits = 0, least = 0) {
  const form = { maximumFractionDigits: digits, minimumFractionDigits: least };
  return new Intl.NumberFormat(document.documentElement.lang, form).format(value);
}

// A language's name in the language of the page; where the browser knows none, its own name, or its code.
export function languageName(code, own = code) {
  try {
    return new Intl.DisplayNames([document.documentElement.lang], { type: "language", fallback: "none" }).of(code) ?? own;
  } catch {
    return own;
  }
}
