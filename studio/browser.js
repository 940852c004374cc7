// Functions that Streamlit lacks: a live region, focus, changes of the address without history, the clipboard, and a reload of
// a page that is not redrawn any more.
window.studio ??= (() => {
  const region = document.createElement("div");
  region.id = "studio-live";
  region.setAttribute("role", "status");
  region.setAttribute("aria-live", "polite");
  Object.assign(region.style, { position: "absolute", width: "1px", height: "1px", overflow: "hidden", clipPath: "inset(50%)" });
  document.body.append(region);

  const characters = (text) => [...text].length;
  document.addEventListener("input", ({ target }) => {
    const counter = document.querySelector(".studio-counter");
    if (!counter || target.getAttribute("aria-label") !== "Prompt") return;
    const { limit } = counter.dataset;
    counter.textContent = `${characters(target.value)} of ${limit}`;
    counter.classList.toggle("over", characters(target.value) > Number(limit));
  });

  // Streamlit may run a script again on a redraw; the token makes each call run once.
  const done = new Set();
  const once = (token, act) => done.has(token) || (done.add(token), act());

  // After a restart, Streamlit's server ignores the part of an open page that redraws itself. A run that takes long is not that.
  let drawnAt = Date.now();
  const redrawn = () => { drawnAt = Date.now(); };
  const isWaiting = () => document.querySelector(".st-key-do-redrawn") && !document.hidden;
  const isRunning = () => !document.querySelector("[data-test-script-state=notRunning]");
  document.addEventListener("visibilitychange", redrawn);
  setInterval(async () => {
    if (isRunning()) redrawn();
    const isStuck = isWaiting() && Date.now() - drawnAt > 30_000;
    if (isStuck && (await fetch("_stcore/health").catch(() => null))?.ok) location.reload();
  }, 5_000);

  const focus = (selector, tries = 20) => {
    const target = document.querySelector(selector);
    if (!target) return tries && setTimeout(focus, 50, selector, tries - 1);
    target.setAttribute("tabindex", "-1");
    target.focus();
  };

  return {
    say: (token, words) => once(token, () => { region.textContent = words; }),
    redrawn,
    focus: (token, selector) => once(token, () => focus(selector)),
    rename: (token, search) => once(token, () => history.replaceState({}, "", search)),
    copy: (token, text, words) => once(token, () => navigator.clipboard.writeText(text).then(
      () => { region.textContent = words; },
      () => { region.textContent = "The browser did not allow copying."; },
    )),
  };
})();
