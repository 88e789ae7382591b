// Runs before the page is drawn, so that no page flashes in the other theme.
"use strict";
(() => {
  const dark = window.matchMedia("(prefers-color-scheme: dark)");
  const chosen = () => {
    try {
      return window.localStorage.getItem("portal-theme");
    } catch {
      return null;
    }
  };
  const apply = () => {
    document.documentElement.dataset.bsTheme = chosen() || (dark.matches ? "dark" : "light");
  };
  dark.addEventListener("change", apply);
  window.addEventListener("storage", apply);
  apply();
})();
