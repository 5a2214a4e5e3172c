// Light or dark: what the reader chose, else what the system says.

const key = "levada-theme";

export function theme(): "light" | "dark" {
  const chosen = localStorage.getItem(key);
  if (chosen === "light" || chosen === "dark") return chosen;
  return matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
}

export function setTheme(to?: "light" | "dark"): void {
  if (to) localStorage.setItem(key, to);
  document.documentElement.dataset["theme"] = theme();
  window.dispatchEvent(new Event("levada:theme"));
}

// On paper all is light, also what is drawn on a canvas, which no style reaches.
export function lightOnPaper(): void {
  const root = document.documentElement;
  window.addEventListener("beforeprint", () => (root.dataset["theme"] = "light"));
  window.addEventListener("afterprint", () => (root.dataset["theme"] = theme()));
}

// A colour of the theme as it is now, for what is drawn on a canvas.
export function colour(name: string): string {
  return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
}
