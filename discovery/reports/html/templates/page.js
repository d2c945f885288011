"use strict";
(() => {
  const form = document.getElementById("filter");
  const table = document.getElementById("listing");
  if (form && table) {
    const shown = document.getElementById("shown");
    const many = table.classList.contains("many");
    const field = (name) => form.elements.namedItem(name);
    const rows = Array.from(table.querySelectorAll("tbody tr"), (row) => ({
      row,
      text: `${row.textContent} ${row.dataset.name || ""}`.toLowerCase(),
      plan: row.dataset.plan,
      login: row.dataset.login,
      findings: (row.dataset.findings || "").split(" "),
    }));
    const apply = () => {
      const words = field("words").value.toLowerCase().split(/[\s/]+/).filter(Boolean);
      const plan = field("plan").value;
      const login = field("login").value;
      const finding = field("finding") ? field("finding").value : "";
      let count = 0;
      for (const one of rows) {
        const fits =
          (!plan || one.plan === plan) &&
          (!login || one.login === login) &&
          (!finding || one.findings.includes(finding)) &&
          words.every((word) => one.text.includes(word));
        if (one.row.hidden === fits) one.row.hidden = !fits;
        if (fits) count += 1;
      }
      table.classList.toggle("many", many && count > 2000);
      shown.textContent =
        count === rows.length ? `${count} rows` : `${count} of ${rows.length} rows`;
    };
    let waiting = 0;
    form.addEventListener("input", () => {
      clearTimeout(waiting);
      waiting = setTimeout(apply, 80);
    });
    form.addEventListener("reset", () => setTimeout(apply));
    form.addEventListener("submit", (event) => event.preventDefault());
    form.hidden = false;
    apply();
  }

  if (navigator.clipboard) {
    for (const block of document.querySelectorAll("pre")) {
      const button = document.createElement("button");
      button.type = "button";
      button.className = "copy";
      button.textContent = "Copy";
      block.before(button);
    }
    document.addEventListener("click", async (event) => {
      const button = event.target;
      if (!(button instanceof HTMLButtonElement) || button.className !== "copy") return;
      try {
        await navigator.clipboard.writeText(button.nextElementSibling.textContent);
        button.textContent = "Copied";
      } catch {
        button.textContent = "Select it instead";
      }
      setTimeout(() => { button.textContent = "Copy"; }, 2000);
    });
  }
})();
