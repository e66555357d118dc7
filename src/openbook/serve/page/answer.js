// One answer while it comes in: its text, its speed, the buttons below it.

import { stream } from "./api.js";
import { number, word } from "./words.js";

// Streams an answer into `show(text)`. Returns { text, stopped, failed }; `speed` is a place for tokens per second.
export async function receive(path, body, signal, speed, show) {
  let text = "";
  let pieces = 0;
  let first = 0;
  let tokens = 0;
  try {
    for await (const chunk of stream(path, body, signal)) {
      const choice = chunk.choices[0];
      const piece = choice?.delta?.content ?? choice?.text ?? "";
      if (piece) {
        first ||= performance.now();
        pieces += 1;
        text += piece;
        show(text);
        if (pieces % 8 === 0) tellSpeed(speed, pieces, first);
      }
      tokens = chunk.usage?.completion_tokens ?? tokens;
    }
    if (text) tellSpeed(speed, tokens || pieces, first);
    return { text };
  } catch (trouble) {
    if (trouble.name === "AbortError") return { text, stopped: true };
    return { text, failed: trouble.message };
  }
}

function tellSpeed(place, tokens, first) {
  const seconds = (performance.now() - first) / 1000;
  if (tokens > 1 && seconds > 0) {
    Object.assign(place.dataset, { tokens, rate: (tokens - 1) / seconds });
    retell(place);
  }
}

// Says a speed in the language of the page.
export function retell(place) {
  const { tokens, rate } = place.dataset;
  if (tokens) place.textContent = word("speed", { tokens: number(Number(tokens)), speed: number(Number(rate), 1) });
}

export function forget(place) {
  delete place.dataset.tokens;
  place.textContent = "";
}

export async function copy(text) {
  await navigator.clipboard.writeText(text);
  document.getElementById("announce").textContent = word("copied");
}
