// What the page is given: the columns of all connections, and chunks with the
// segments of some of them. See report/page in the Go program.

export type Column = Uint8Array | Uint16Array | Uint32Array | Float64Array;

export interface Code {
  name: string;
  severity: string;
  title: string;
  cite: string;
}

export interface Capture {
  files: string[] | null;
  packets: number;
  tcp: number;
  skipped: Record<string, number>;
  drops: number;
  fragments: number;
  connections: number;
  evicted: number;
  first: string;
  lastsNS: number;
  baseNS: number;
  findings: Record<string, number>;
  errors: string[] | null;
}

export interface Header {
  rows: number;
  columns: { name: string; kind: string; at: number }[];
  addrs: string[] | null;
  details: string[] | null;
  found: string[] | null;
  states: { name: string; light: string; dark: string }[];
  verdicts: string[];
  certainty: string[];
  taps: string[];
  codes: Code[];
  capture: Capture;
  segments: { kept: number; total: number };
  zone: string;
}

// Found is a set of findings that connections share.
export interface Found {
  codes: number[];
  counts: number[];
  severity: number; // of the gravest, -1 for none
  total: number;
}

export interface Rung {
  s: number; // index of the segment, -1 for none
  k: number; // shape
  l: number; // leaves
  a: number; // arrives
  t: number; // turns
  z: [number, number]; // states behind it
  c?: string;
}

export const Leaves = 1;
export const Arrives = 2;
export const Lost = 4;
export const Rejected = 8;

// Detail is one connection with its segments, a column for each field. Times
// are nanoseconds since its first segment.
export interface Detail {
  conn: number;
  total: number;
  left: number;
  way: [number, number];
  packet: number[];
  time: number[];
  side: number[];
  label: string[];
  seq: number[];
  len: number[];
  ack: number[];
  window: number[];
  reset: number[];
  class: string[];
  marks: string[][];
  repeats: number[];
  found: number[][];
  sack: (number[] | null)[];
  flight: [number[], number[]];
  rtt: number[];
  rttOf: number[];
  before: number[];
  text: string[];
  rungs: Rung[];
}

// Ends are the columns of one end.
export interface Ends {
  addr: Column;
  port: Column;
  state: Column;
  sure: Column;
  packets: Column;
  bytes: Column;
  again: Column;
}

export const severities = ["note", "warning", "error"];

export class Report {
  readonly rows: number;
  readonly conn: Column;
  readonly ends: [Ends, Ends];
  readonly verdict: Column;
  readonly detail: Column;
  readonly found: Column;
  readonly founds: Found[];
  readonly start: Float64Array; // nanoseconds since the capture's first packet
  readonly lasts: Column;
  readonly addrs: string[];
  readonly details: string[];
  private readonly byNumber = new Map<number, number>();
  private readonly chunks = new Map<number, Promise<Detail[]>>();

  constructor(
    readonly head: Header,
    private readonly columns: Map<string, Column>,
  ) {
    this.rows = head.rows;
    this.addrs = head.addrs ?? [];
    this.details = head.details ?? [];
    this.conn = this.column("conn");
    this.ends = [this.end("client"), this.end("server")];
    this.verdict = this.column("verdict");
    this.detail = this.column("detail");
    this.found = this.column("found");
    this.lasts = this.column("lasts");
    this.start = new Float64Array(this.rows);
    const steps = this.column("start");
    let at = head.capture.baseNS;
    for (let i = 0; i < this.rows; i++) {
      at += steps[i];
      this.start[i] = at;
    }
    this.founds = (head.found ?? []).map((text) => parseFound(text, head.codes));
  }

  column(name: string): Column {
    return this.columns.get(name) ?? new Uint8Array(this.rows);
  }

  private end(side: string): Ends {
    const of = (name: string) => this.column(side + name);
    return { addr: of("Addr"), port: of("Port"), state: of("State"), sure: of("Sure"), packets: of("Packets"), bytes: of("Bytes"), again: of("Again") };
  }

  // row returns the row of a connection by its number, -1 when there is none.
  row(conn: number): number {
    if (this.byNumber.size === 0) for (let i = 0; i < this.rows; i++) this.byNumber.set(this.conn[i], i);
    return this.byNumber.get(conn) ?? -1;
  }

  endpoint(row: number, side: number): string {
    const e = this.ends[side];
    const addr = this.addrs[e.addr[row]];
    if (addr === "") return "?";
    return (addr.includes(":") ? "[" + addr + "]" : addr) + ":" + e.port[row];
  }

  packets(row: number): number {
    return this.ends[0].packets[row] + this.ends[1].packets[row];
  }
  bytes(row: number): number {
    return this.ends[0].bytes[row] + this.ends[1].bytes[row];
  }
  again(row: number): number {
    return this.ends[0].again[row] + this.ends[1].again[row];
  }
  findings(row: number): Found {
    return this.founds[this.found[row]];
  }
  // sentence returns what became of the connection.
  sentence(row: number): string {
    const text = this.details[this.detail[row]] || this.head.verdicts[this.verdict[row]];
    return this.column("evicted")[row] ? text + " (written out early)" : text;
  }

  // open returns the segments of a connection, null when none are included.
  async open(row: number): Promise<Detail | null> {
    const chunk = this.column("chunk")[row];
    if (chunk === 0) return null;
    let load = this.chunks.get(chunk);
    if (!load) {
      load = unpack("chunk" + chunk).then((b) => JSON.parse(new TextDecoder().decode(b)) as Detail[]);
      this.chunks.set(chunk, load);
    }
    return (await load)[this.column("entry")[row]];
  }
}

function parseFound(text: string, codes: Code[]): Found {
  const f: Found = { codes: [], counts: [], severity: -1, total: 0 };
  for (const pair of text === "" ? [] : text.split(",")) {
    const [code, count] = pair.split(":").map(Number);
    f.codes.push(code);
    f.counts.push(count);
    f.total += count;
    f.severity = Math.max(f.severity, severities.indexOf(codes[code].severity));
  }
  return f;
}

// unpack returns the octets of a data element, which is dropped.
async function unpack(id: string): Promise<ArrayBuffer> {
  const element = document.getElementById(id);
  if (!element) throw new Error("the file is incomplete: " + id + " is missing");
  const text = atob(element.textContent ?? "");
  element.remove();
  const packed = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) packed[i] = text.charCodeAt(i);
  return new Response(new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"))).arrayBuffer();
}

const kinds: Record<string, new (b: ArrayBuffer, at: number, n: number) => Column> = {
  u8: Uint8Array,
  u16: Uint16Array,
  u32: Uint32Array,
  f64: Float64Array,
};

// load reads the table of connections.
export async function load(): Promise<Report> {
  const b = await unpack("table");
  const size = new DataView(b).getUint32(0, true);
  const head = JSON.parse(new TextDecoder().decode(new Uint8Array(b, 4, size))) as Header;
  const columns = new Map<string, Column>();
  for (const c of head.columns ?? []) columns.set(c.name, new kinds[c.kind](b, 4 + size + c.at, head.rows));
  return new Report(head, columns);
}
