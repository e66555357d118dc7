// What the page asks of the server. Nothing else is ever contacted.

import { word } from "./words.js";

export async function listModels() {
  return get("/v1/models");
}

export async function get(path) {
  return whole(await reach(path));
}

// The answer to a request that is not streamed.
export async function ask(path, body) {
  const headers = { "Content-Type": "application/json" };
  return whole(await reach(path, { method: "POST", headers, body: JSON.stringify(body) }));
}

async function whole(answer) {
  if (!answer.ok) throw await failure(answer);
  return answer.json();
}

// Yields each chunk of a streamed answer; aborting `signal` stops the server's work too.
export async function* stream(path, body, signal) {
  const answer = await reach(path, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ ...body, stream: true, stream_options: { include_usage: true } }),
    signal,
  });
  if (!answer.ok) throw await failure(answer);
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    const lines = (rest + value).split("\n");
    rest = lines.pop();
    for (const line of lines) {
      if (!line.startsWith("data: ") || line === "data: [DONE]") continue;
      const chunk = JSON.parse(line.slice(6));
      if (chunk.error) throw refused(chunk.error.code === "context_length_exceeded" ? 400 : 500, chunk.error);
      yield chunk;
    }
  }
}

// What went wrong, in the language of the page; only what is wrong with the request itself is said in the server's words.
async function failure(answer) {
  const told = await answer.json().then((said) => said.error ?? {}, () => ({}));
  return refused(answer.status, told);
}

function refused(status, { code, message }) {
  if (code === "context_length_exceeded") return new Error(word("error_long"));
  if (status === 401 || status === 403) return new Error(word("error_key"));
  if (status === 429 || status === 503) return new Error(word("error_busy"));
  if (status >= 500 && status !== 501) return new Error(word("error_server"));
  return new Error(word("error_refused", { reason: message ?? String(status) }));
}

async function reach(path, options) {
  try {
    return await fetch(path, options);
  } catch (trouble) {
    throw trouble.name === "AbortError" ? trouble : new Error(word("error_reach"));
  }
}
