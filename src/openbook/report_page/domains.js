panels("domains", (box, data, code, name) => {
  const found = data[code] ?? { count: 0, bytes: 0, rows: [], forgot: false };
  const count = `${found.forgot ? "more than " : ""}${found.count.toLocaleString("en")}`;
  const most = found.count > found.rows.length ? ` The ${found.rows.length} with the most text:` : "";
  box.replaceChildren(element("h3", {}, `Domains of ${name}`),
    element("p", { class: "note" }, `${count} ${found.count === 1 ? "domain" : "domains"}.${most}`));
  const table = document.querySelector("#domain-table table");
  for (const heading of table.tHead.rows[0].cells) heading.removeAttribute("aria-sort");
  table.tBodies[0].replaceChildren(...found.rows.map(([domain, documents, bytes]) => {
    const share = 100 * bytes / (found.bytes || 1);
    const cell = (shown, value) => element("td", { class: "number", "data-value": value }, shown);
    return element("tr", {}, element("td", {}, domain), cell(documents.toLocaleString("en"), documents),
      cell(bytes.toLocaleString("en"), bytes), cell(share.toFixed(1), share));
  }));
});
