panels("funnel", (box, data, code, name) => {
  const left = data.left[code];
  box.replaceChildren(element("h3", {}, `Pages of ${name}`));
  if (!left || !left[0]) {
    box.append(element("p", { class: "note" }, "None was read."));
    return;
  }
  const list = element("ol", { class: "funnel" });
  left.forEach((count, at) => {
    const lost = at ? left[at - 1] - count : 0, share = 100 * count / left[0];
    list.append(element("li", {},
      element("span", { class: "label" }, data.steps[at]),
      element("span", { class: "track" }, element("i", { class: "c0", style: `width:${share}%` }),
        element("i", { class: "c3", style: `width:${100 * lost / left[0]}%` })),
      element("span", { class: "value" }, count.toLocaleString("en")),
      element("span", { class: "value" }, `${share.toFixed(1)} %`),
      element("span", { class: "why" }, lost ? `−${lost.toLocaleString("en")}: ${data.why[at]}` : "")));
  });
  box.append(list);
});
