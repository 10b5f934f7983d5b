// Theme, times and small manners. Pages work without this file.
const root = document.documentElement;

function themeButton(button) {
  const dark = () => root.dataset.theme === "dark" || (!root.dataset.theme && matchMedia("(prefers-color-scheme: dark)").matches);
  const show = () => {
    button.textContent = dark() ? "Light" : "Dark";
    button.setAttribute("aria-label", dark() ? "Use the light theme" : "Use the dark theme");
  };
  button.addEventListener("click", () => {
    root.dataset.theme = dark() ? "light" : "dark";
    // The server writes the attribute from this cookie, so that no page flashes in the wrong colours.
    document.cookie = `theme=${root.dataset.theme}; path=/; max-age=31536000; samesite=lax`;
    show();
  });
  button.hidden = false;
  show();
}

// A second click must not send a form twice. The server would absorb it; the person should see why nothing more happens.
document.addEventListener("submit", (event) => {
  const form = event.target;
  if (form.method !== "post" || form.hasAttribute("hx-post")) return;
  if (form.dataset.sending) return event.preventDefault();
  form.dataset.sending = "yes";
  for (const button of form.querySelectorAll("button")) button.setAttribute("aria-disabled", "true");
});
addEventListener("pageshow", () => document.querySelectorAll("form[data-sending]").forEach((form) => {
  delete form.dataset.sending;
  form.querySelectorAll("button").forEach((button) => button.removeAttribute("aria-disabled"));
}));

// Ctrl+Enter sends a reply.
document.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey) && event.target.matches("textarea[data-send]")) {
    event.preventDefault();
    event.target.form.requestSubmit();
  }
});

// The newest message is the one to read.
const newest = document.querySelector("[data-newest]");
if (newest) newest.scrollIntoView({ block: "end" });

document.querySelectorAll("[data-theme-toggle]").forEach(themeButton);
