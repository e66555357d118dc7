// What the page asks of the server. Nothing else is ever contacted.

export async function listModels() {
  return get("/v1/models");
}

export async function get(path) {
  return whole(await fetch(path));
}

// The answer to a request that is not streamed.
export async function ask(path, body) {
  const headers = { "Content-Type": "application/json" };
  return whole(await fetch(path, { method: "POST", headers, body: JSON.stringify(body) }));
}

async function whole(answer) {
  if (!answer.ok) throw await failure(answer);
  return answer.json();
}

// Yields each chunk of a streamed answer; aborting `signal` stops the server's work too.
export async function* stream(path, body, signal) {
  const answer = await fetch(path, {
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
      if (chunk.error) throw new Error(chunk.error.message);
      yield chunk;
    }
  }
}

async function failure(answer) {
  try {
    return new Error((await answer.json()).error.message);
  } catch {
    return new Error(`${answer.status} ${answer.statusText}`);
  }
}
