// The table of connections: as many rows as there are in view.

import { severities, type Report } from "./data.ts";
import { h, onPaper, soon } from "./dom.ts";
import { addressOrder, sort, type Key } from "./filter.ts";
import { count, elapsed, octets, seconds } from "./format.ts";
import { part, reach } from "./window.ts";

interface Field {
  name: string;
  title: string;
  kind: string; // class of the cells
  key: Key;
  cell: (row: number) => Node | string;
}

const printed = 1000; // rows on paper

export class Table {
  readonly element: HTMLElement;
  private readonly scroller: HTMLElement;
  private readonly body = h("tbody");
  private readonly heads: HTMLElement[] = [];
  private readonly fields: Field[];
  private rows: Uint32Array = new Uint32Array();
  private order = 0;
  private down = false;
  private active = 0; // index among rows
  private printing = false;
  private readonly draw = soon(() => this.render());

  constructor(
    private readonly report: Report,
    private readonly open: (row: number) => void,
  ) {
    this.fields = fieldsOf(report);
    const head = h("tr");
    this.fields.forEach((f, i) => {
      const button = h("button", { type: "button", click: () => this.sortBy(i) }, f.title);
      const th = h("th", { scope: "col", class: f.kind }, button);
      this.heads.push(th);
      head.append(th);
    });
    const table = h(
      "table",
      { class: "connections", keydown: (e: KeyboardEvent) => this.key(e) },
      h("caption", { class: "offscreen" }, "Connections. Arrow keys move, Enter opens one."),
      h("colgroup", {}, ...this.fields.map((f) => h("col", { class: f.kind }))),
      h("thead", {}, head),
      this.body,
    );
    this.scroller = h("div", { class: "scroller", scroll: this.draw }, table);
    this.element = this.scroller;
    new ResizeObserver(this.draw).observe(this.scroller);
    onPaper((on) => this.print(on));
    this.heads[0].setAttribute("aria-sort", "ascending");
  }

  // show shows these rows.
  show(rows: Uint32Array): void {
    this.rows = rows;
    this.active = 0;
    this.arrange();
    this.scroller.scrollTop = 0;
    this.render();
  }

  // neighbour returns the row before or behind another in the present order.
  neighbour(row: number, by: number): number | undefined {
    const at = this.rows.indexOf(row);
    return at < 0 ? undefined : this.rows[at + by];
  }

  sortBy(i: number): void {
    // Counts are asked for the largest first.
    this.down = this.order === i ? !this.down : this.fields[i].kind.includes("much");
    this.order = i;
    this.heads.forEach((th, k) => (k === i ? th.setAttribute("aria-sort", this.down ? "descending" : "ascending") : th.removeAttribute("aria-sort")));
    this.arrange();
    this.scroller.scrollTop = 0;
    this.active = 0;
    this.render();
  }

  private arrange(): void {
    this.rows = sort(this.rows, this.fields[this.order].key, this.down);
  }

  private rowHeight(): number {
    return parseFloat(getComputedStyle(this.scroller).getPropertyValue("--row")) || 30;
  }

  private render(): void {
    const height = this.rowHeight();
    const view = this.scroller.clientHeight - (this.heads[0].offsetHeight || 0);
    const n = this.rows.length;
    const p = this.printing
      ? { first: 0, count: Math.min(n, printed), top: 0, total: 0 }
      : part(this.scroller.scrollTop, Math.max(view, height), n, height);
    const focused = this.body.contains(document.activeElement);
    const list: Node[] = [gap(p.top)];
    for (let i = p.first; i < p.first + p.count; i++) list.push(this.row(i));
    list.push(gap(p.total - p.top - p.count * height));
    if (this.printing && n > printed) {
      list.push(h("tr", {}, h("td", { colspan: this.fields.length }, "… and " + count(n - printed) + " more connections")));
    }
    if (n === 0) list.push(h("tr", { class: "gap" }, h("td", { class: "nothing", colspan: this.fields.length }, "No connection is like that. Escape in the search field clears all filters.")));
    this.body.replaceChildren(...list);
    this.body.parentElement!.setAttribute("aria-rowcount", String(n + 1));
    if (focused) this.body.querySelector<HTMLElement>("a[tabindex='0']")?.focus({ preventScroll: true });
  }

  private row(i: number): HTMLElement {
    const row = this.rows[i];
    const tr = h("tr", {
      "aria-rowindex": i + 2,
      class: (i % 2 ? "odd" : "") + (i === this.active ? " active" : ""),
      click: () => this.open(row),
    });
    this.fields.forEach((f, k) => {
      let content = f.cell(row);
      if (k === 0) {
        content = h("a", { href: "#connection=" + this.report.conn[row], tabindex: i === this.active ? 0 : -1, "aria-label": "connection " + content }, content);
      }
      tr.append(h(k === 0 ? "th" : "td", { class: f.kind, "data-title": f.title, scope: k === 0 ? "row" : null, title: f.kind === "address" || f.kind === "verdict" ? textOf(content) : null }, content));
    });
    return tr;
  }

  private key(e: KeyboardEvent): void {
    if (!this.body.contains(e.target as Node)) return;
    const page = Math.max(1, Math.floor(this.scroller.clientHeight / this.rowHeight()) - 2);
    const moves: Record<string, number> = { ArrowDown: 1, ArrowUp: -1, PageDown: page, PageUp: -page, Home: -Infinity, End: Infinity };
    const by = moves[e.key];
    if (by === undefined) return;
    e.preventDefault();
    this.active = Math.max(0, Math.min(this.rows.length - 1, this.active + by));
    const head = this.heads[0].offsetHeight;
    this.scroller.scrollTop = reach(this.active, this.scroller.scrollTop, this.scroller.clientHeight - head, this.rows.length, this.rowHeight());
    this.render();
  }

  private print(on: boolean): void {
    this.printing = on;
    this.render();
  }
}

function gap(height: number): HTMLElement {
  const td = h("td");
  td.style.height = Math.max(0, height) + "px";
  const tr = h("tr", { class: "gap", "aria-hidden": "true" }, td);
  tr.hidden = height <= 0;
  return tr;
}

function textOf(content: Node | string): string {
  return typeof content === "string" ? content : (content.textContent ?? "");
}

// endpoint is an address, which may be cut, and a port, which is not.
function endpoint(r: Report, row: number, side: number): HTMLElement {
  const text = r.endpoint(row, side);
  const at = text.lastIndexOf(":");
  return h("span", { class: "endpoint" }, h("span", { class: "host" }, at < 0 ? text : text.slice(0, at)), at >= 0 && h("span", {}, text.slice(at)));
}

// stateBox is a state with its colour.
export function stateBox(r: Report, state: number): HTMLElement {
  return h("span", { class: "state s" + state }, r.head.states[state].name);
}

// findingBoxes lists findings with their severity.
export function findingBoxes(r: Report, row: number): HTMLElement {
  const f = r.findings(row);
  const order = f.codes.map((_, i) => i).sort((a, b) => rank(r, f.codes[b]) - rank(r, f.codes[a]));
  const boxes = order.map((i) => {
    const code = r.head.codes[f.codes[i]];
    return h("span", { class: "finding " + code.severity, title: code.severity + ": " + code.title }, code.name + (f.counts[i] > 1 ? " ×" + f.counts[i] : ""));
  });
  return h("span", { class: "boxes" }, ...boxes);
}

function rank(r: Report, code: number): number {
  return severities.indexOf(r.head.codes[code].severity);
}

function fieldsOf(r: Report): Field[] {
  let ranks: Float64Array | null = null;
  const address = (side: number) => (row: number) => {
    ranks ??= addressOrder(r.addrs);
    return ranks[r.ends[side].addr[row]] * 65536 + r.ends[side].port[row];
  };
  let sentences: Float64Array | null = null;
  const sentence = (row: number) => {
    sentences ??= textOrder(r.details);
    return r.verdict[row] * 2 ** 32 + sentences[r.detail[row]];
  };
  return [
    { name: "conn", title: "#", kind: "number conn", key: (i) => r.conn[i], cell: (i) => String(r.conn[i]) },
    { name: "client", title: "client", kind: "address", key: address(0), cell: (i) => endpoint(r, i, 0) },
    { name: "server", title: "server", kind: "address", key: address(1), cell: (i) => endpoint(r, i, 1) },
    { name: "clientState", title: "client state", kind: "stated", key: (i) => r.ends[0].state[i], cell: (i) => stateBox(r, r.ends[0].state[i]) },
    { name: "serverState", title: "server state", kind: "stated", key: (i) => r.ends[1].state[i], cell: (i) => stateBox(r, r.ends[1].state[i]) },
    { name: "verdict", title: "verdict", kind: "verdict", key: sentence, cell: (i) => r.sentence(i) },
    { name: "findings", title: "findings", kind: "findings much", key: (i) => (r.findings(i).severity + 1) * 2 ** 32 + r.findings(i).total, cell: (i) => findingBoxes(r, i) },
    { name: "packets", title: "packets", kind: "number packets much", key: (i) => r.packets(i), cell: (i) => count(r.packets(i)) },
    { name: "bytes", title: "bytes", kind: "number bytes much", key: (i) => r.bytes(i), cell: (i) => octets(r.bytes(i)) },
    { name: "again", title: "retrans", kind: "number again much", key: (i) => r.again(i), cell: (i) => count(r.again(i)) },
    { name: "start", title: "start", kind: "number when", key: (i) => r.start[i], cell: (i) => seconds(r.start[i]) },
    { name: "lasts", title: "lasts", kind: "number lasts much", key: (i) => r.lasts[i], cell: (i) => elapsed(r.lasts[i]) },
  ];
}

function textOrder(texts: string[]): Float64Array {
  const rank = new Float64Array(texts.length);
  texts.map((_, i) => i).sort((a, b) => (texts[a] < texts[b] ? -1 : texts[a] > texts[b] ? 1 : 0)).forEach((t, i) => (rank[t] = i));
  return rank;
}
