// Small helpers. Text from the capture only ever becomes text nodes.

type Child = Node | string | null | false | undefined;
type Attributes = Record<string, string | number | boolean | null | undefined | ((e: never) => void)>;

function fill(e: Element, attributes: Attributes, children: Child[]): void {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (typeof value === "function") e.addEventListener(name, value as unknown as EventListener);
    else e.setAttribute(name, value === true ? "" : String(value));
  }
  for (const c of children) if (c) e.append(c);
}

// h makes an element. Attributes that are functions listen to the event.
export function h<K extends keyof HTMLElementTagNameMap>(tag: K, attributes: Attributes = {}, ...children: Child[]): HTMLElementTagNameMap[K] {
  const e = document.createElement(tag);
  fill(e, attributes, children);
  return e;
}

// s makes an element of SVG.
export function s(tag: string, attributes: Attributes = {}, ...children: Child[]): SVGElement {
  const e = document.createElementNS("http://www.w3.org/2000/svg", tag);
  fill(e, attributes, children);
  return e;
}

// ink returns a colour of the style sheet, for what draws on a canvas.
export function ink(name: string): string {
  return getComputedStyle(document.documentElement).getPropertyValue("--" + name).trim();
}

// onScheme calls fn when the viewer changes between light and dark.
export function onScheme(fn: () => void, signal?: AbortSignal): void {
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", fn, { signal });
}

// onPaper calls fn before the page is printed, which is always light, and
// behind it.
export function onPaper(fn: (on: boolean) => void, signal?: AbortSignal): void {
  const turn = (on: boolean) => () => {
    document.documentElement.classList.toggle("paper", on);
    fn(on);
  };
  addEventListener("beforeprint", turn(true), { signal });
  addEventListener("afterprint", turn(false), { signal });
}

// soon returns a function that calls fn once before the next frame.
export function soon(fn: () => void): () => void {
  let waits = false;
  return () => {
    if (waits) return;
    waits = true;
    requestAnimationFrame(() => {
      waits = false;
      fn();
    });
  };
}

// copy puts text on the clipboard and says so on the button.
export async function copy(text: string, button: HTMLButtonElement): Promise<void> {
  const label = button.textContent ?? "";
  let done = true;
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    const area = h("textarea", { class: "offscreen", "aria-hidden": "true" });
    area.value = text;
    document.body.append(area);
    area.select();
    done = document.execCommand("copy");
    area.remove();
    button.focus();
  }
  button.textContent = done ? "Copied" : "Not allowed by the browser";
  setTimeout(() => (button.textContent = label), 1500);
}
