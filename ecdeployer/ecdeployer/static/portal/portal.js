// What pages do beyond links and forms. Every page tells the whole truth without it.
"use strict";
(() => {
  const root = document.documentElement;
  const all = (selector, scope = document) => [...scope.querySelectorAll(selector)];

  // --- light and dark
  for (const button of all("[data-theme-toggle]")) {
    button.hidden = false;
    button.addEventListener("click", () => {
      root.dataset.bsTheme = root.dataset.bsTheme === "dark" ? "light" : "dark";
      try {
        window.localStorage.setItem("portal-theme", root.dataset.bsTheme);
      } catch {
        // Storage is off: the choice holds for this page.
      }
    });
  }

  // --- the person's menu closes as menus do
  const closeMenus = (except) => {
    for (const menu of all("[data-menu][open]")) {
      if (!except || !menu.contains(except)) menu.open = false;
    }
  };
  document.addEventListener("click", (event) => closeMenus(event.target));
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape") closeMenus(null);
  });

  // --- a form is sent once; the button comes back when the browser returns to the page
  document.addEventListener("submit", (event) => {
    const form = event.target;
    // A download leaves the page as it is, and so does what is answered into a part of it.
    if (form.method !== "post" || "download" in form.dataset || form.hasAttribute("hx-post")) return;
    if (form.dataset.sent) {
      event.preventDefault();
      return;
    }
    form.dataset.sent = "yes";
    for (const button of all("button[type=submit]", form)) button.classList.add("is-busy");
  });
  window.addEventListener("pageshow", () => {
    for (const form of all("form[data-sent]")) {
      delete form.dataset.sent;
      for (const button of all(".is-busy", form)) button.classList.remove("is-busy");
    }
  });

  // --- typing the name unlocks the button
  for (const field of all("[data-must-equal]")) {
    const button = field.form.querySelector("button[type=submit]");
    const judge = () => {
      button.disabled = field.value !== field.dataset.mustEqual;
    };
    field.addEventListener("input", judge);
    judge();
  }

  // --- copying
  document.addEventListener("click", async (event) => {
    const button = event.target.closest("[data-copy]");
    if (!button) return;
    await navigator.clipboard.writeText(button.dataset.copy);
    announce("Copied");
    button.classList.add("is-copied");
    window.setTimeout(() => button.classList.remove("is-copied"), 1500);
  });
  const showCopyButtons = () => {
    if (!navigator.clipboard) return;
    for (const button of all("[data-copy][hidden]")) button.hidden = false;
  };

  // --- time passes
  const seconds = (value) => {
    const whole = Math.floor(value);
    if (whole < 60) return `${whole} s`;
    const pad = (number) => String(number).padStart(2, "0");
    if (whole < 3600) return `${Math.floor(whole / 60)} min ${pad(whole % 60)} s`;
    return `${Math.floor(whole / 3600)} h ${pad(Math.floor((whole % 3600) / 60))} min`;
  };
  const tick = () => {
    for (const element of all("[data-elapsed]")) {
      element.startedAt ??= performance.now() - Number(element.dataset.elapsed) * 1000;
      element.textContent = seconds((performance.now() - element.startedAt) / 1000);
    }
  };
  window.setInterval(tick, 1000);

  const UNITS = [["year", 31536000], ["month", 2592000], ["week", 604800], ["day", 86400], ["hour", 3600], ["minute", 60]];
  const refreshAges = () => {
    for (const element of all("time[data-relative]")) {
      const age = (Date.now() - Date.parse(element.dateTime)) / 1000;
      const unit = UNITS.find(([, length]) => age >= length);
      if (!unit) continue;
      const count = Math.floor(age / unit[1]);
      element.textContent = `${count} ${unit[0]}${count === 1 ? "" : "s"} ago`;
    }
  };
  window.setInterval(refreshAges, 30000);

  // --- the part that moves keeps what the reader opened, and how far they scrolled
  const touched = new Map();
  const scrolled = new Map();
  document.addEventListener("click", (event) => {
    const step = event.target.closest("summary")?.parentElement;
    if (step?.id) touched.set(step.id, !step.open);
  });
  const atEnd = (log) => log.scrollHeight - log.scrollTop - log.clientHeight < 24;
  const remember = () => {
    for (const log of all("pre[data-follow]")) scrolled.set(log.id, atEnd(log) ? null : log.scrollTop);
  };
  // What is followed for long does not fill the browser: its first pieces go.
  const LONGEST = 600000;
  const forget = () => {
    for (const log of all("pre[data-grows]")) {
      let length = log.textContent.length;
      while (length > LONGEST && log.childElementCount > 1) {
        length -= log.firstElementChild.textContent.length;
        log.firstElementChild.remove();
      }
    }
  };
  const restore = () => {
    for (const [id, open] of touched) {
      const step = document.getElementById(id);
      if (step) step.open = open;
    }
    for (const log of all("pre[data-follow]")) log.scrollTop = scrolled.get(log.id) ?? log.scrollHeight;
  };
  const announce = (text) => {
    document.getElementById("announcement").textContent = text;
  };
  let announced = document.querySelector("[data-announce]")?.dataset.announce;
  document.addEventListener("htmx:beforeSwap", remember);
  document.addEventListener("htmx:afterSwap", () => {
    forget();
    restore();
    showCopyButtons();
    const news = document.querySelector("[data-announce]")?.dataset.announce;
    if (news && news !== announced) announce(news);
    announced = news;
  });
  document.addEventListener(
    "toggle",
    (event) => {
      for (const log of all("pre[data-follow]", event.target)) log.scrollTop = log.scrollHeight;
    },
    true,
  );
  const lost = (isLost) => root.classList.toggle("is-offline", isLost);
  document.addEventListener("htmx:sendError", () => lost(true));
  document.addEventListener("htmx:responseError", () => lost(true));
  document.addEventListener("htmx:beforeOnLoad", (event) => lost(event.detail.xhr.status >= 400));

  // --- the browser's own time zone, one click away
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  for (const line of all("[data-browser-zone]")) {
    const button = line.querySelector("[data-use-zone]");
    const choice = line.closest("form").elements.time_zone;
    if (![...choice.options].some((option) => option.value === zone) || choice.value === zone) continue;
    button.textContent = zone.replaceAll("_", " ");
    button.addEventListener("click", () => {
      choice.value = zone;
    });
    line.hidden = false;
  }

  showCopyButtons();
  restore();
})();
