// The timeline of one connection: each packet's line as tcpdump prints it, and
// under it what changed.

import type { Detail, Report } from "./data.ts";
import { h, soon } from "./dom.ts";
import { count } from "./format.ts";
import type { Selection } from "./selection.ts";

const line = 18; // pixels, as in the style sheet
const pad = 8;
const printed = 2000; // packets on paper

export class Packets {
  readonly element: HTMLElement;
  private readonly inner = h("div", { class: "inner", role: "presentation" });
  private readonly top: number[] = []; // pixels above each packet, and the whole at the end
  private pointed = -1;
  private printing = false;
  private readonly draw = soon(() => this.render());

  constructor(
    private readonly report: Report,
    private readonly detail: Detail,
    private readonly selection: Selection,
  ) {
    let y = 0;
    let widest = 0;
    detail.text.forEach((text, i) => {
      this.top.push(y);
      const lines = text.trimEnd().split("\n");
      y += lines.length * line + pad + (detail.before[i] > 0 ? line + pad : 0);
      for (const l of lines) widest = Math.max(widest, l.length);
    });
    this.top.push(y);
    this.inner.style.height = y + "px";
    this.inner.style.minWidth = `calc(${widest}ch + 2rem)`;
    this.element = h("div", { class: "timeline", role: "listbox", tabindex: 0, "aria-label": "Packets with what changed", scroll: this.draw }, this.inner);
    new ResizeObserver(this.draw).observe(this.element);
    selection.onPick((i, source) => {
      if (source !== this) this.reveal(i);
      this.draw();
    });
    selection.onPoint((i) => {
      this.pointed = i;
      for (const e of this.inner.children) e.classList.toggle("pointed", (e as HTMLElement).dataset.index === String(i));
    });
  }

  print(on: boolean): void {
    this.printing = on;
    this.render();
  }

  private reveal(i: number): void {
    const e = this.element;
    if (this.top[i] < e.scrollTop) e.scrollTop = this.top[i];
    else if (this.top[i + 1] > e.scrollTop + e.clientHeight) e.scrollTop = this.top[i + 1] - e.clientHeight;
  }

  // at returns the packet at a height.
  private at(y: number): number {
    let [low, high] = [0, this.detail.text.length];
    while (low + 1 < high) {
      const mid = (low + high) >> 1;
      if (this.top[mid] <= y) low = mid;
      else high = mid;
    }
    return low;
  }

  private render(): void {
    const n = this.detail.text.length;
    const e = this.element;
    let first = Math.max(0, this.at(e.scrollTop) - 2);
    let last = Math.min(n - 1, this.at(e.scrollTop + e.clientHeight) + 2);
    if (this.printing) [first, last] = [0, Math.min(n, printed) - 1];
    const list: Node[] = [];
    for (let i = first; i <= last; i++) list.push(this.packet(i));
    if (this.printing && n > printed) list.push(h("p", {}, "… and " + count(n - printed) + " more packets"));
    this.inner.replaceChildren(...list);
    if (this.selection.index >= 0) e.setAttribute("aria-activedescendant", "packet-" + this.selection.index);
  }

  private packet(i: number): HTMLElement {
    const d = this.detail;
    const lines = d.text[i].trimEnd().split("\n");
    const before = d.before[i] > 0 && h("div", { class: "omitted" }, "… " + count(d.before[i]) + " segments not included …");
    const option = h(
      "div",
      {
        id: "packet-" + i,
        role: "option",
        "aria-selected": String(i === this.selection.index),
        "aria-posinset": i + 1,
        "aria-setsize": d.text.length,
        "data-index": i,
        class: "packet" + (i === this.pointed ? " pointed" : ""),
        click: () => this.selection.pick(i, this),
        pointerenter: () => this.selection.point(i),
        pointerleave: () => this.selection.point(-1),
      },
      before,
      h("div", { class: "line" }, h("span", { class: "no" }, "#" + d.packet[i] + " "), lines[0]),
      ...lines.slice(1).map((l) => h("div", { class: this.kind(l) }, l)),
    );
    option.style.top = this.top[i] + "px";
    return option;
  }

  // kind returns the class of an annotation.
  private kind(text: string): string {
    const finding = /^\s+! ([a-z0-9-]+):/.exec(text);
    if (finding) return "note finding " + (this.report.head.codes.find((c) => c.name === finding[1])?.severity ?? "");
    return / → /.test(text) ? "note step" : "note";
  }

  // natural is how high the list is, in pixels.
  natural(): number {
    return this.top[this.top.length - 1] + 20;
  }
}
