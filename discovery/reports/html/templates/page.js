"use strict";
(() => {
  const form = document.getElementById("filter");
  const listing = document.getElementById("listing");

  const reveal = (place) => {
    for (let at = place; at; at = at.parentElement) {
      if (at.hidden) at.hidden = false;
      if (at instanceof HTMLDetailsElement) at.open = true;
    }
    place.scrollIntoView();
  };

  if (form && listing) {
    const shown = document.getElementById("shown");
    const fields = Array.from(form.elements).filter((field) => field.name);
    const several = new Set(["needs", "finding"]);
    const rows = Array.from(listing.querySelectorAll("details.cache"), (row) => ({
      row,
      group: row.closest("details.group"),
      text: `${row.textContent} ${row.dataset.name || ""}`.toLowerCase(),
    }));
    const groups = Array.from(listing.querySelectorAll("details.group"), (group) => ({
      group,
      count: group.querySelector(".count"),
      open: group.open,
      total: 0,
      fitting: 0,
    }));
    const groupOf = new Map(groups.map((one) => [one.group, one]));
    for (const { group } of rows) groupOf.get(group).total += 1;

    const fits = (one, words, chosen) =>
      words.every((word) => one.text.includes(word)) &&
      chosen.every(([key, value]) => {
        const found = one.row.dataset[key] || "";
        return several.has(key) ? found.split(" ").includes(value) : found === value;
      });

    const apply = () => {
      const values = fields.map((field) => [field.name, field.value]);
      const words = form.elements.namedItem("text").value.toLowerCase().split(/[\s/]+/).filter(Boolean);
      const chosen = values.filter(([key, value]) => value && key !== "text");
      const filtered = words.length + chosen.length > 0;
      for (const one of groups) one.fitting = 0;
      let count = 0;
      for (const one of rows) {
        const fitting = fits(one, words, chosen);
        if (one.row.hidden === fitting) one.row.hidden = !fitting;
        if (fitting) {
          count += 1;
          groupOf.get(one.group).fitting += 1;
        }
      }
      for (const one of groups) {
        one.group.hidden = filtered && !one.fitting;
        one.group.open = filtered ? one.fitting > 0 : one.open;
        one.count.textContent =
          one.fitting === one.total ? `${one.total}` : `${one.fitting} of ${one.total}`;
      }
      listing.classList.toggle("filtered", filtered);
      shown.textContent =
        count === rows.length ? `${count} caches` : `${count} of ${rows.length} caches`;
      return filtered;
    };

    const write = () => {
      const chosen = fields.filter((field) => field.value).map((field) => [field.name, field.value]);
      const address = new URLSearchParams(chosen).toString();
      history.replaceState(null, "", address ? `#${address}` : location.pathname + location.search);
    };

    const read = () => {
      const address = new URLSearchParams(location.hash.slice(1));
      for (const field of fields) {
        const value = address.get(field.name) || "";
        if (value && field.options && !Array.from(field.options).some((one) => one.value === value)) {
          field.add(new Option(value, value));
        }
        field.value = value;
      }
    };

    const follow = () => {
      if (location.hash.includes("=")) {
        read();
        if (apply()) document.getElementById("caches").scrollIntoView();
        return;
      }
      const place = document.getElementById(location.hash.slice(1));
      if (place && listing.contains(place)) reveal(place);
    };

    let waiting = 0;
    form.addEventListener("input", () => {
      clearTimeout(waiting);
      waiting = setTimeout(() => { apply(); write(); }, 80);
    });
    form.addEventListener("reset", () => setTimeout(() => { apply(); write(); }));
    form.addEventListener("submit", (event) => event.preventDefault());
    window.addEventListener("hashchange", follow);
    form.hidden = false;
    apply();
    follow();
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
