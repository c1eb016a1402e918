// Numbers and times for people.

export function count(n: number): string {
  return String(n).replace(/\B(?=(\d{3})+(?!\d))/g, "\u202f");
}

export function counted(n: number, noun: string): string {
  return count(n) + " " + noun + (n === 1 ? "" : "s");
}

// elapsed writes a length of time given in nanoseconds.
export function elapsed(ns: number): string {
  const a = Math.abs(ns);
  if (a === 0) return "0 s";
  if (a < 1e3) return ns + " ns";
  if (a < 1e6) return trim(ns / 1e3, a < 1e5 ? 2 : 1) + " µs";
  if (a < 1e9) return trim(ns / 1e6, a < 1e8 ? 2 : 1) + " ms";
  if (a < 120e9) return trim(ns / 1e9, 3) + " s";
  const s = Math.round(ns / 1e9);
  const parts = [Math.floor(s / 3600), Math.floor(s / 60) % 60, s % 60];
  return (parts[0] ? parts[0] + " h " : "") + parts[1] + " min " + parts[2] + " s";
}

function trim(v: number, digits: number): string {
  return v.toFixed(digits).replace(/\.?0+$/, "");
}

// seconds writes nanoseconds as seconds with six digits, as tcpdump does.
export function seconds(ns: number): string {
  const micro = Math.trunc(ns / 1e3);
  const a = Math.abs(micro);
  return (micro < 0 ? "-" : "") + Math.floor(a / 1e6) + "." + String(a % 1e6).padStart(6, "0");
}

// octets writes a number of octets with a unit.
export function octets(n: number): string {
  const units = ["B", "kB", "MB", "GB", "TB"];
  let u = 0;
  let v = n;
  while (v >= 1000 && u < units.length - 1) {
    v /= 1000;
    u++;
  }
  return (u === 0 ? String(v) : v.toFixed(v < 10 ? 2 : v < 100 ? 1 : 0)) + "\u202f" + units[u];
}
