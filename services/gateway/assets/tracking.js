// Looks again whenever the server says that something changed. Without it the page is as good, only still.
"use strict";
(() => {
  const main = document.querySelector("main[data-live]");
  if (!main || !window.EventSource) return;
  let waiting = false;
  const look = async () => {
    waiting = false;
    const response = await fetch(location.href, { headers: { accept: "text/html" } });
    if (!response.ok) return;
    const page = new DOMParser().parseFromString(await response.text(), "text/html");
    const fresh = page.querySelector("main[data-live]");
    if (fresh && fresh.innerHTML !== main.innerHTML) main.innerHTML = fresh.innerHTML;
  };
  new EventSource(main.dataset.live).addEventListener("changed", () => {
    // Changes come in bursts; one look a second is enough.
    if (waiting) return;
    waiting = true;
    setTimeout(() => look().catch(() => {}), 1000);
  });
})();
