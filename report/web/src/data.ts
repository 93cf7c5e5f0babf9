// The page's data element, written by report/html_charts.go. Times are in nanoseconds;
// names are indices in strings.

export interface Data {
  buckets: { name: string; label: string }[];
  strings: string[];
  endpoints: Endpoint[];
  requests: Request[];
  changes: Change[];
}

export interface Unit {
  name: string;
  ns: number;
  decimals: number;
}

export interface Endpoint {
  unit: Unit;
  marks: { name: string; at: number }[];
  bars: Bar[];
  flame: Frame | null;
}

export interface Bar {
  low: number;
  high: number;
  requests: number;
  buckets: number[];
  request: number;
}

// A frame of a flame graph: its name, its position or meaning, its bucket (-1 at the
// root), its time, the part of it that is of before in a difference, and the frames that it
// called.
export interface Frame {
  n: number;
  d: number;
  b: number;
  v: number;
  w?: number;
  c?: Frame[];
}

// start, end, lane, bucket, phase, site, why
export type Segment = [number, number, number, number, number, number, number];

// start, end, lane, bucket, what, site, on the path, dialed
export type Call = [number, number, number, number, number, number, number, number];

export interface Request {
  id: string;
  endpoint: number;
  role: string;
  wall: number;
  unit: Unit;
  lanes: string[];
  segments: Segment[];
  calls: Call[];
  client: { phase: string; start: number; end: number }[];
  notes: string[];
}

// The histograms of both sides of a comparison.
export interface Change {
  unit: Unit;
  bars: { low: number; high: number; before: number; after: number }[];
  marks: { name: string; at: number }[];
  flame: Frame | null;
}

export function read(): Data {
  return JSON.parse(document.getElementById("data")?.textContent ?? "") as Data;
}

// column writes a time as the tables do: a time that is not zero never shows as zero.
export function column(unit: Unit, ns: number): string {
  const value = ns / unit.ns;
  const least = 10 ** -unit.decimals;
  if (value > 0 && value < least / 2) return `<${least.toFixed(unit.decimals)} ${unit.name}`;
  return `${value.toFixed(unit.decimals)} ${unit.name}`;
}

export function percent(part: number, whole: number): string {
  return whole === 0 ? "0.0%" : `${((100 * part) / whole).toFixed(1)}%`;
}

export function counted(n: number, one: string, many: string): string {
  return `${n.toLocaleString("en-US")} ${n === 1 ? one : many}`;
}

// ranked returns the buckets that hold any time, the largest first.
export function ranked(buckets: number[]): number[] {
  return buckets.map((_, i) => i).filter((i) => buckets[i] > 0).sort((a, b) => buckets[b] - buckets[a]);
}

// mix says how some time divides into buckets: "upstream calls 93.5%, CPU 4.0%".
export function mix(data: Data, buckets: number[]): string {
  const whole = buckets.reduce((a, b) => a + b, 0);
  return ranked(buckets).slice(0, 3).map((i) => `${data.buckets[i].label} ${percent(buckets[i], whole)}`).join(", ");
}
