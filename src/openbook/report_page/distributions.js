{
const TALL = 300, LEFT = 56, RIGHT = 16, TOP = 22, BOTTOM = 44;
let chosen = 0;

function drawMeasure(box, measure, code, name) {
  const WIDE = Math.max(540, Math.min(box.clientWidth - 2, 1120));
  const bars = measure.edges.length - 1;
  const kept = measure.kept[code] ?? Array(bars).fill(0), dropped = measure.dropped[code] ?? Array(bars).fill(0);
  const most = Math.max(...kept.map((count, at) => count + dropped[at]), 1);
  const step = (WIDE - LEFT - RIGHT) / bars, high = TALL - TOP - BOTTOM;
  const up = count => high * count / most;
  const across = value => {
    const at = measure.edges.findIndex(edge => edge > value);
    if (at === 0) return LEFT;
    if (at < 0) return WIDE - RIGHT;
    const [from, to] = [measure.edges[at - 1], measure.edges[at]];
    const inside = measure.log && from > 0 ? Math.log(value / from) / Math.log(to / from) : (value - from) / (to - from);
    return LEFT + step * (at - 1 + inside);
  };
  const svg = element("svg:svg", { viewBox: `0 0 ${WIDE} ${TALL}`, style: `width:${WIDE}px`, role: "img",
    "aria-label": `${measure.name} of the pages of ${name}, kept and dropped` });
  const power = 10 ** Math.floor(Math.log10(most / 4)), tick = [1, 2, 5, 10].find(one => one * power >= most / 5) * power;
  for (let count = 0; count <= most; count += Math.max(tick, 1)) {
    const y = TOP + high - up(count);
    svg.append(element("svg:line", { class: "grid", x1: LEFT, x2: WIDE - RIGHT, y1: y, y2: y }),
      element("svg:text", { x: LEFT - 8, y: y + 4, "text-anchor": "end" }, count.toLocaleString("en")));
  }
  for (let at = 0; at < bars; at++) {
    const x = LEFT + step * at, floor = TOP + high;
    const told = `${figure.format(measure.edges[at])} to ${figure.format(measure.edges[at + 1])}: ${kept[at]} kept, ${dropped[at]} dropped`;
    const group = element("svg:g", {}, element("svg:title", {}, told));
    const piece = (color, from, count) => element("svg:rect",
      { class: color, x: x + .5, y: floor - up(from + count), width: step - 1, height: up(count) });
    group.append(piece("c0", 0, kept[at]), piece("c3", kept[at], dropped[at]));
    svg.append(group);
  }
  const every = Math.ceil((bars + 1) / 10);
  measure.edges.forEach((edge, at) => {
    if (at % every === 0) svg.append(element("svg:text",
      { x: LEFT + step * at, y: TALL - 26, "text-anchor": "middle" }, figure.format(edge)));
  });
  svg.append(element("svg:text", { x: (LEFT + WIDE) / 2, y: TALL - 6, "text-anchor": "middle" },
    measure.name.replaceAll("_", " ") + (measure.log ? " (logarithmic)" : "")));
  for (const limit of measure.limits[code] ?? []) {
    if (limit < measure.edges[0] || limit > measure.edges[bars]) continue;
    const x = across(limit);
    svg.append(element("svg:line", { class: "limit", x1: x, x2: x, y1: TOP - 6, y2: TOP + high }),
      element("svg:text", { class: "strong", x, y: TOP - 9, "text-anchor": x > WIDE - 60 ? "end" : "middle" }, figure.format(limit)));
  }
  box.replaceChildren(element("div", { class: "wide", tabindex: "0", role: "group", "aria-label": "chart" }, svg));
  const sum = counts => counts.reduce((a, b) => a + b, 0);
  const told = (what, counts) => {
    const [low, half, top] = measure.quantiles[what][code] ?? [];
    return !sum(counts) ? `${what}: none.` : `${what}: ${sum(counts).toLocaleString("en")}; a tenth below ${figure.format(low)}, `
      + `half below ${figure.format(half)}, nine tenths below ${figure.format(top)}.`;
  };
  const items = [["c0", told("kept", kept)], ["c3", told("dropped", dropped)]];
  const limits = measure.limits[code] ?? [];
  if (limits.length) items.push(["", `bounds of the rule: ${limits.map(limit => figure.format(limit)).join("; ")}.`]);
  box.append(element("ul", { class: "legend" },
    ...items.map(([color, text]) => element("li", {}, ...(color ? [element("i", { class: color })] : []), text))));
}

panels("distributions", (box, data, code, name) => {
  const select = element("select", {}, ...data.map((measure, at) => element("option", { value: at },
    (measure.stage ? `${measure.stage}: ` : "") + measure.name.replaceAll("_", " "))));
  select.value = chosen;
  const heading = element("h3", {}), chart = element("div", {});
  const draw = () => {
    chosen = +select.value;
    heading.textContent = `${data[chosen].name.replaceAll("_", " ")}, pages of ${name}`;
    drawMeasure(chart, data[chosen], code, name);
  };
  select.addEventListener("change", draw);
  box.replaceChildren(element("p", {}, element("label", {}, "Measure ", select)), heading, chart);
  if (data.length) draw();
});
}
