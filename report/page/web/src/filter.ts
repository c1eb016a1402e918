// Which connections the table shows, and in what order.

import type { Report } from "./data.ts";

export interface Filter {
  text: string;
  verdict: number; // -1 for all, as below
  state: number;
  side: number; // whose state: 0 client, 1 server, -1 either
  code: number;
  from: number; // nanoseconds since the capture's first packet
  to: number;
}

export function everything(): Filter {
  return { text: "", verdict: -1, state: -1, side: -1, code: -1, from: -Infinity, to: Infinity };
}

// select returns the rows that the filter lets through, in the report's order.
export function select(r: Report, f: Filter): Uint32Array {
  const out = new Uint32Array(r.rows);
  const words = f.text.toLowerCase().split(/\s+/).filter(Boolean).map((w) => matcher(r, w));
  const withCode = r.founds.map((x) => f.code < 0 || x.codes.includes(f.code));
  const [client, server] = [r.ends[0].state, r.ends[1].state];
  let n = 0;
  rows: for (let i = 0; i < r.rows; i++) {
    if (f.verdict >= 0 && r.verdict[i] !== f.verdict) continue;
    if (f.state >= 0 && !(f.side !== 1 && client[i] === f.state) && !(f.side !== 0 && server[i] === f.state)) continue;
    if (!withCode[r.found[i]]) continue;
    if (r.start[i] > f.to || r.start[i] + r.lasts[i] < f.from) continue;
    for (const match of words) if (!match(i)) continue rows;
    out[n++] = i;
  }
  return out.slice(0, n);
}

// matcher returns a test for one word: part of an endpoint, a state, a
// verdict or its sentence, a finding, or the connection's number as #7.
function matcher(r: Report, word: string): (row: number) => boolean {
  if (/^#\d+$/.test(word)) {
    const number = Number(word.slice(1));
    return (i) => r.conn[i] === number;
  }
  const has = (text: string) => text.toLowerCase().includes(word);
  const detail = r.details.map(has);
  const verdict = r.head.verdicts.map(has);
  const state = r.head.states.map((x) => has(x.name));
  const found = r.founds.map((x) => x.codes.some((c) => has(r.head.codes[c].name)));
  const addr = r.addrs.map(has);
  const [c, s] = r.ends;
  // A word with a port must be held against the endpoint as it is printed.
  const port = /[:\]]|^\d+$/.test(word);
  return (i) =>
    addr[c.addr[i]] ||
    addr[s.addr[i]] ||
    detail[r.detail[i]] ||
    verdict[r.verdict[i]] ||
    found[r.found[i]] ||
    state[c.state[i]] ||
    state[s.state[i]] ||
    (port && (r.endpoint(i, 0).includes(word) || r.endpoint(i, 1).includes(word)));
}

export type Key = (row: number) => number;

// sort orders rows by a key, then by their place in the report.
export function sort(rows: Uint32Array, key: Key, down: boolean): Uint32Array {
  const v = new Float64Array(rows.reduce((a, b) => Math.max(a, b), -1) + 1);
  for (const row of rows) v[row] = key(row);
  const sign = down ? -1 : 1;
  return rows.sort((a, b) => sign * (v[a] - v[b]) || a - b);
}

// addressOrder ranks the report's addresses: IPv4 by number, then the others.
export function addressOrder(addrs: string[]): Float64Array {
  const number = (a: string) => {
    const parts = a.split(".");
    return parts.length === 4 && !a.includes(":") ? parts.reduce((n, p) => n * 256 + Number(p), 0) : 2 ** 32;
  };
  const keys = addrs.map(number);
  const order = addrs.map((_, i) => i).sort((a, b) => keys[a] - keys[b] || (addrs[a] < addrs[b] ? -1 : addrs[a] > addrs[b] ? 1 : 0));
  const rank = new Float64Array(addrs.length);
  order.forEach((a, i) => (rank[a] = i));
  return rank;
}
