// The page: an overview with the table of connections, and one connection at
// a time, which the address after # names.

import { load, type Report } from "./data.ts";
import { h } from "./dom.ts";
import { everything, select, type Filter } from "./filter.ts";
import { count, counted, elapsed } from "./format.ts";
import { Table } from "./table.ts";
import { findings, lives, summary, tally, tiles, type Lives } from "./overview.ts";
import { ConnectionView } from "./connection.ts";
import "uplot/dist/uPlot.min.css";
import "./style.css";

class App {
  private filter = everything();
  private readonly table: Table;
  private readonly shown = h("p", { class: "shown", role: "status" });
  private readonly search: HTMLInputElement;
  private readonly choices: [HTMLSelectElement, HTMLSelectElement, HTMLSelectElement];
  private readonly chips = h("div", { class: "chips" });
  private readonly lives: Lives;
  private readonly overview: HTMLElement;
  private readonly place = h("main", {});
  private view: ConnectionView | null = null;
  private scroll = 0;

  constructor(
    private readonly report: Report,
    root: HTMLElement,
  ) {
    const r = report;
    const narrow = (change: Partial<Filter>) => {
      this.narrow(change);
      if (!("from" in change)) this.shown.scrollIntoView({ block: "nearest" });
    };
    this.table = new Table(r, (row) => this.go(row));
    this.search = h("input", {
      type: "search", placeholder: "address, port, state, finding, #number", "aria-label": "Search connections", spellcheck: "false",
      input: () => this.narrow({ text: this.search.value }),
    });
    this.choices = [
      choice("Verdict", "any verdict", r.head.verdicts, present(r.head.verdicts, r.verdict), (verdict) => this.narrow({ verdict })),
      choice("State", "any state", r.head.states.map((s) => s.name), present(r.head.states, r.ends[0].state, r.ends[1].state), (state) => this.narrow({ state, side: -1 })),
      choice("Finding", "any finding", r.head.codes.map((c) => c.name), new Set(r.founds.flatMap((f) => f.codes)), (code) => this.narrow({ code })),
    ];
    this.lives = lives(r, narrow);
    this.overview = h(
      "div",
      { class: "overview" },
      summary(r),
      r.rows === 0 && h("p", {}, "There is no connection to show."),
      tiles(r, narrow),
      h("div", { class: "cards" }, r.rows > 0 && tally(r, narrow), findings(r, narrow), r.rows > 0 && this.lives.element),
      r.rows > 0 && h(
        "section",
        { class: "list", "aria-label": "Connections" },
        h("h2", {}, "Connections"),
        h("div", { class: "filters", role: "search" }, this.search, ...this.choices.map((c) => c.parentElement!), this.chips, this.shown),
        this.table.element,
      ),
    );
    root.replaceChildren(this.place);
    addEventListener("hashchange", () => void this.route());
    addEventListener("keydown", (e) => this.key(e));
    this.narrow({});
  }

  // narrow changes the filter.
  private narrow(change: Partial<Filter>): void {
    this.filter = { ...this.filter, ...change };
    const rows = select(this.report, this.filter);
    this.table.show(rows);
    this.shown.textContent = (rows.length === this.report.rows ? "" : count(rows.length) + " of ") + counted(this.report.rows, "connection");
    const f = this.filter;
    [f.verdict, f.side < 0 ? f.state : -1, f.code].forEach((v, i) => (this.choices[i].value = String(v)));
    if (this.search.value !== f.text) this.search.value = f.text;
    this.chips.replaceChildren();
    if (f.state >= 0 && f.side >= 0) this.chip(["client", "server"][f.side] + " in " + this.report.head.states[f.state].name, { state: -1, side: -1 });
    if (f.from > -Infinity || f.to < Infinity) {
      const range = f.from === -Infinity ? "until " + elapsed(f.to) : f.to === Infinity ? "from " + elapsed(f.from) : elapsed(f.from) + " to " + elapsed(f.to);
      this.chip(range, { from: -Infinity, to: Infinity });
    }
    this.lives.show(f.from, f.to);
  }

  private chip(text: string, without: Partial<Filter>): void {
    this.chips.append(h("button", { type: "button", class: "chip", "aria-label": "no longer only " + text, click: () => this.narrow(without) }, text + " ✕"));
  }

  private go(row: number): void {
    location.hash = "connection=" + this.report.conn[row];
  }

  // route shows what the address names.
  async route(): Promise<void> {
    const names = new URLSearchParams(location.hash.slice(1));
    const row = this.report.row(Number(names.get("connection") ?? -1));
    if (row < 0) {
      if (this.view || this.overview.parentElement !== this.place) {
        this.view?.close();
        this.view = null;
        this.place.replaceChildren(this.overview);
        document.title = "tcpstate report";
        scrollTo(0, this.scroll);
      }
      return;
    }
    const packet = Number(names.get("packet") ?? 0);
    if (this.view?.row === row) {
      this.view.pick(packet);
      return;
    }
    if (!this.view) this.scroll = scrollY;
    this.view?.close();
    const detail = await this.report.open(row);
    this.view = new ConnectionView(this.report, row, detail, {
      back: () => (location.hash = ""),
      move: (by) => {
        const next = this.table.neighbour(row, by);
        if (next !== undefined) this.go(next);
      },
    });
    this.place.replaceChildren(this.view.element);
    document.title = "connection " + this.report.conn[row] + " – tcpstate report";
    scrollTo(0, 0);
    this.view.start(packet);
  }

  private key(e: KeyboardEvent): void {
    const typing = e.target instanceof HTMLInputElement || e.target instanceof HTMLSelectElement;
    if (e.ctrlKey || e.metaKey || e.altKey) return;
    if (this.view) {
      if (!typing) this.view.key(e);
    } else if (e.key === "/" && !typing) {
      e.preventDefault();
      this.search.focus();
    } else if (e.key === "Escape" && e.target === this.search) {
      this.narrow(everything());
    }
  }
}

// choice is a labelled list of the names that are present.
function choice(label: string, all: string, names: string[], there: Set<number>, fn: (v: number) => void): HTMLSelectElement {
  const select = h("select", { "aria-label": label, change: () => fn(Number(select.value)) }, h("option", { value: -1 }, all));
  names.forEach((name, i) => there.has(i) && select.append(h("option", { value: i }, name)));
  h("span", {}, select);
  return select;
}

function present(names: unknown[], ...columns: ArrayLike<number>[]): Set<number> {
  const there = new Set<number>();
  for (const c of columns) for (let i = 0; i < c.length && there.size < names.length; i++) there.add(c[i]);
  return there;
}

// paletteSheet gives every state its colour.
function paletteSheet(r: Report): string {
  const rules = (dark: boolean) => r.head.states.map((s, i) => `.s${i}{--state:${dark ? s.dark : s.light}}`).join("");
  return rules(false) + "@media screen and (prefers-color-scheme:dark){" + rules(true) + "}";
}

async function start(): Promise<void> {
  const root = document.getElementById("app")!;
  try {
    const report = await load();
    const sheet = h("style");
    sheet.textContent = paletteSheet(report);
    document.head.append(sheet);
    await new App(report, root).route();
    document.documentElement.dataset.ready = String(Math.round(performance.now()));
  } catch (e) {
    root.replaceChildren(h("p", { class: "failed", role: "alert" }, "This report cannot be shown: " + String(e)));
    throw e;
  }
}

void start();
