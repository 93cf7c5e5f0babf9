import { axisTop } from "d3-axis";
import { scaleLinear } from "d3-scale";
import { type Selection, select } from "d3-selection";
import { type Call, type Data, type Request, column, percent } from "./data";
import { Rover, along } from "./keys";
import { inside, legend, redraw } from "./dom";

// A mark can be selected: it is a span of time on a row.
interface Mark {
  start: number;
  end: number;
  kind: "client" | "path" | "lane" | "call";
  bucket: number;
  label: string; // shown on the mark if there is room
  text: string; // the full description, in lines
}

// A row of the drawing, with its marks.
interface Row {
  label: string;
  y: number;
  height: number;
  marks: Mark[];
}

const maxLanes = 40;
const maxCallRows = 24;

// A waterfall draws one request as both client and server saw it: the client's phases,
// the request's path, and below it a lane for each goroutine on the path, with the
// calls made there, which may overlap.
export class Waterfall {
  private readonly buttons;
  private readonly holder;
  private readonly legend;
  private readonly notes;
  private readonly detail;
  private readonly own: number[]; // the requests that have a button
  private shown: number;

  constructor(private readonly figure: HTMLElement, private readonly data: Data, endpoint: number) {
    const root = select(figure);
    root.append("figcaption").text("What one request did, one step after another: what the client saw, the request's path, and below it the goroutines it went through with the calls they made. Select a step to see what it rests on; arrow keys walk along the steps.");
    this.own = data.requests.map((_, i) => i).filter((i) => data.requests[i].endpoint === endpoint && data.requests[i].role !== "example");
    this.buttons = root.append("div").attr("class", "tools").attr("role", "group").attr("aria-label", "which request");
    this.holder = root.append("div").attr("class", "waterfall");
    this.legend = root.append("ul").attr("class", "legend");
    this.detail = root.append("div").attr("class", "detail").attr("aria-live", "polite");
    this.notes = root.append("p").attr("class", "note");
    this.shown = this.own[0] ?? data.requests.findIndex((r) => r.endpoint === endpoint);
    this.show(this.shown);
    redraw(figure, () => this.draw());
  }

  // show draws the i-th request.
  show(i: number): void {
    this.shown = i;
    const list = this.own.includes(i) ? this.own : [...this.own, i];
    const title = (k: number): string => {
      const r = this.data.requests[k];
      return `${r.role === "example" ? "from the histogram" : r.role} ${column(r.unit, r.wall)}`;
    };
    this.buttons.selectAll<HTMLButtonElement, number>("button").data(list, (k) => k).join("button")
      .attr("type", "button").attr("aria-pressed", (k) => String(k === i)).text(title)
      .on("click", (_, k) => this.show(k));
    this.draw();
  }

  private draw(): void {
    const r = this.data.requests[this.shown];
    const width = Math.max(this.figure.clientWidth, 300);
    const gutter = width < 640 ? 0 : 190;
    const { rows, height } = layout(this.data, r, gutter === 0 ? 14 : 0);
    const starts = [0, ...r.client.map((c) => c.start)];
    const ends = [r.wall, ...r.client.map((c) => c.end)];
    const x = scaleLinear().domain([Math.min(...starts), Math.max(...ends)]).range([gutter || 18, width - 8]);
    this.holder.selectAll("*").remove();
    const svg = this.holder.append("svg").attr("viewBox", `0 0 ${width} ${height + 8}`).attr("role", "group")
      .attr("aria-label", `waterfall of the request ${r.id}`).attr("data-request", r.id);
    svg.append("g").attr("class", "axis").attr("aria-hidden", "true").attr("transform", "translate(0,20)")
      .call(axisTop(x).ticks(width < 640 ? 3 : 8).tickSizeInner(-(height - 20)).tickFormat((v) => column(r.unit, v.valueOf())))
      .call(inside, x, width);
    for (const row of rows) {
      svg.append("text").attr("class", "name").attr("aria-hidden", "true").attr("x", 0)
        .attr("y", gutter === 0 ? row.y - 3 : row.y + Math.min(row.height, 18) / 2 + 4).text(row.label);
      this.marks(svg, row, x);
    }
    const rover = new Rover(() => Array.from(svg.node()!.querySelectorAll<SVGElement>(".mark")), along);
    const marks = svg.selectAll<SVGRectElement, Mark>(".mark");
    marks.on("keydown", (event: KeyboardEvent) => rover.handle(event))
      .on("focus", (_, m) => this.tell(r, m))
      .on("click", (event: MouseEvent, m) => {
        marks.classed("picked", false).attr("aria-pressed", "false");
        select(event.currentTarget as SVGElement).classed("picked", true).attr("aria-pressed", "true");
        rover.reach(event.currentTarget as SVGElement);
        this.tell(r, m);
      });
    rover.refresh();
    legend(this.legend, this.data, this.data.buckets.map((_, k) => r.segments.reduce((sum, s) => sum + (s[3] === k ? s[1] - s[0] : 0), 0)));
    this.detail.text(`Request ${r.id}: ${column(r.unit, r.wall)}`);
    this.notes.text(r.notes.length === 0 ? "" : `Not drawn: ${r.notes.join("; ")}.`);
  }

  private marks(svg: Selection<SVGSVGElement, unknown, null, undefined>, row: Row, x: (v: number) => number): void {
    const calls = row.marks.filter((m) => m.kind === "call");
    const lines = pack(calls);
    const deep = Math.max(0, ...lines.values()) + 1;
    const own = row.marks.length > calls.length ? 18 : 0;
    const each = calls.length === 0 ? 0 : (row.height - own) / deep;
    svg.append("g").selectAll("rect").data(row.marks).join("rect")
      .attr("class", (m) => `mark ${m.kind} ${m.bucket < 0 ? "outside" : `b-${this.data.buckets[m.bucket].name}`}`)
      .attr("x", (m) => x(m.start)).attr("width", (m) => Math.max(x(m.end) - x(m.start), 1))
      .attr("y", (m) => (m.kind === "call" ? row.y + own + 2 + each * (lines.get(m) ?? 0) : row.y))
      .attr("height", (m) => (m.kind === "call" ? Math.max(each - 2, 1) : 18))
      .attr("role", "button").attr("tabindex", -1).attr("aria-pressed", "false").attr("aria-label", (m) => m.text.split("\n").join(", "))
      .append("title").text((m) => m.text);
    svg.append("g").selectAll("text").data(row.marks.filter((m) => m.kind !== "call" && x(m.end) - x(m.start) > 8 * m.label.length + 8)).join("text")
      .attr("class", (m) => (m.bucket < 0 ? "inside outside" : "inside")).attr("aria-hidden", "true").attr("x", (m) => x(m.start) + 5).attr("y", row.y + 13)
      .attr("stroke", (m) => (m.bucket < 0 ? "none" : `var(--${this.data.buckets[m.bucket].name})`)).text((m) => m.label);
  }

  private tell(r: Request, m: Mark): void {
    const lines = [...m.text.split("\n"), `at ${column(r.unit, m.start)}, for ${column(r.unit, m.end - m.start)} (${percent(m.end - m.start, r.wall)} of the request)`];
    this.detail.selectAll("*").remove();
    this.detail.text("");
    this.detail.selectAll("p").data(lines).join("p").text((l) => l);
  }
}

// layout stacks the rows.
function layout(data: Data, r: Request, head: number): { rows: Row[]; height: number } {
  const rows: Row[] = [];
  let y = 28;
  const add = (label: string, height: number, marks: Mark[]): void => {
    y += head;
    rows.push({ label, y, height, marks });
    y += height + 8;
  };
  if (r.client.length > 0) {
    add("client", 18, r.client.map((c) => ({ start: c.start, end: c.end, kind: "client", bucket: -1, label: c.phase, text: `the client: ${c.phase}` })));
  }
  const steps = (lane: number | null, kind: "path" | "lane"): Mark[] =>
    r.segments.filter((s) => lane === null || s[2] === lane).map((s) => ({ start: s[0], end: s[1], kind, bucket: s[3], label: data.strings[s[4]] || data.buckets[s[3]].label, text: step(data, r, s) }));
  const lanes = r.lanes.map((_, i) => i).filter((i) => r.segments.some((s) => s[2] === i) || r.calls.some((c) => c[2] === i));
  if (lanes.length > 1) add("server: the path", 18, steps(null, "path"));
  for (const lane of lanes.slice(0, maxLanes)) {
    const calls = r.calls.filter((c) => c[2] === lane).map((c) => ({ start: c[0], end: c[1], kind: "call" as const, bucket: c[3], label: "", text: callText(data, r, c) }));
    const own = steps(lane, lanes.length > 1 ? "lane" : "path");
    const deep = calls.length === 0 ? 0 : Math.max(...pack(calls).values()) + 1;
    add(lanes.length > 1 ? r.lanes[lane] : `server: ${r.lanes[lane].split(",")[0]}`, (own.length > 0 ? 18 : 0) + (deep === 0 ? 0 : 2 + 11 * Math.min(deep, maxCallRows)), [...own, ...calls]);
  }
  if (lanes.length > maxLanes) add(`and ${lanes.length - maxLanes} more goroutines`, 4, []);
  return { rows, height: y };
}

function step(data: Data, r: Request, s: Request["segments"][number]): string {
  const phase = data.strings[s[4]];
  return [`${data.buckets[s[3]].label}${phase ? `, ${phase}` : ""}`, data.strings[s[5]], data.strings[s[6]], r.lanes[s[2]]].filter((t) => t !== "").join("\n");
}

function callText(data: Data, r: Request, c: Call): string {
  const dialed = c[7] ? "it dialed a connection" : "";
  return [`call: ${data.strings[c[4]]}`, data.strings[c[5]], `the request waited ${column(r.unit, c[6])} for it`, dialed, r.lanes[c[2]]].filter((t) => t !== "").join("\n");
}

// pack puts overlapping marks on separate lines.
function pack(marks: Mark[]): Map<Mark, number> {
  const lines = new Map<Mark, number>();
  const ends: number[] = [];
  for (const m of [...marks].sort((a, b) => a.start - b.start)) {
    let line = ends.findIndex((end) => end <= m.start);
    if (line < 0) line = ends.length;
    ends[line] = m.end;
    lines.set(m, line);
  }
  return lines;
}
