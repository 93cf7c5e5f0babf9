import { axisBottom, axisLeft } from "d3-axis";
import { scaleLinear, scaleLog } from "d3-scale";
import { select } from "d3-selection";
import { type Change, column, counted, percent } from "./data";
import { inside, redraw, round, ticks } from "./dom";
import { Rover, along } from "./keys";

const height = 200;
const margin = { top: 18, right: 12, bottom: 34, left: 48 };

type Bar = Change["bars"][number];

// overlay draws both sides' latency histograms over each other, as shares of their
// requests: before as an area, after as a line.
export function overlay(figure: HTMLElement, change: Change): void {
  const root = select(figure);
  const then = figure.dataset.after ?? "after";
  root.append("figcaption").text(`What share of the requests took how long: before as an area, ${then} as a line.`);
  const svg = root.append("svg").attr("class", "bars").attr("role", "group").attr("aria-label", "latency histograms, two over each other; arrow keys walk along the bars");
  const detail = root.append("p").attr("class", "detail").attr("aria-live", "polite");
  const before = change.bars.reduce((sum, b) => sum + b.before, 0);
  const after = change.bars.reduce((sum, b) => sum + b.after, 0);
  const all = `${counted(before, "request", "requests")} before, ${counted(after, "request", "requests")} ${then}`;
  detail.text(all);
  const share = (n: number, of: number): number => (of === 0 ? 0 : n / of);
  const describe = (b: Bar): string =>
    `${column(change.unit, b.low)} to ${column(change.unit, b.high)}: ${percent(b.before, before)} of the requests before (${b.before.toLocaleString("en-US")}), ${percent(b.after, after)} ${then} (${b.after.toLocaleString("en-US")})`;
  const rover = new Rover(() => Array.from(svg.node()!.querySelectorAll<SVGElement>("g.column")), along);

  const draw = (): void => {
    svg.selectAll("*").remove();
    const width = Math.max(figure.clientWidth, 300);
    const bottom = margin.top + height;
    svg.attr("viewBox", `0 0 ${width} ${bottom + margin.bottom}`);
    const low = Math.max(change.bars[0].low, 1);
    const x = scaleLog().domain([low, Math.max(change.bars[change.bars.length - 1].high, low + 1)]).range([margin.left, width - margin.right]);
    const most = Math.max(...change.bars.map((b) => Math.max(share(b.before, before), share(b.after, after))));
    const y = scaleLinear().domain([0, most]).nice(4).range([bottom, margin.top]);
    svg.append("g").attr("class", "axis").attr("aria-hidden", "true").attr("transform", `translate(${margin.left},0)`)
      .call(axisLeft(y).ticks(4).tickSizeInner(-(width - margin.left - margin.right)).tickFormat((v) => `${Math.round(1000 * v.valueOf()) / 10}%`));
    svg.append("g").attr("class", "axis").attr("aria-hidden", "true").attr("transform", `translate(0,${bottom})`)
      .call(axisBottom(x).tickValues(ticks(x, width)).tickFormat((v) => round(change.unit, v.valueOf())))
      .call(inside, x, width);
    const outline = (of: (b: Bar) => number): string => steps(change.bars, (v) => x(Math.max(v, low)), (b) => y(of(b)), bottom);
    svg.append("path").attr("class", "before").attr("d", outline((b) => share(b.before, before)));
    svg.append("path").attr("class", "edge").attr("d", outline((b) => share(b.before, before)));
    svg.append("path").attr("class", "after").attr("d", outline((b) => share(b.after, after)));
    const columns = svg.selectAll<SVGGElement, Bar>("g.column").data(change.bars).join("g").attr("class", "column")
      .attr("role", "img").attr("tabindex", -1).attr("aria-label", describe);
    columns.append("rect").attr("class", "hit").attr("x", (b) => x(Math.max(b.low, low))).attr("y", margin.top)
      .attr("width", (b) => Math.max(x(Math.max(b.high, low + 1)) - x(Math.max(b.low, low)), 1)).attr("height", height);
    columns.append("title").text(describe);
    columns.on("focus mouseenter", (_, b) => detail.text(describe(b))).on("keydown", (event: KeyboardEvent) => rover.handle(event));
    const marks = svg.append("g").attr("class", "marks").attr("aria-hidden", "true");
    for (const m of change.marks) {
      if (m.at < low || m.at > x.domain()[1]) continue;
      marks.append("line").attr("x1", x(m.at)).attr("x2", x(m.at)).attr("y1", margin.top).attr("y2", bottom);
      marks.append("text").attr("x", x(m.at)).attr("y", margin.top - 5).attr("text-anchor", "middle").text(m.name);
    }
    rover.refresh();
  };
  draw();
  redraw(figure, draw);
}

// steps returns the outline of bars, which goes down to the bottom in gaps.
function steps(bars: Bar[], x: (v: number) => number, y: (b: Bar) => number, bottom: number): string {
  let path = "";
  let last = -1;
  for (const b of bars) {
    if (b.low !== last) path += `${path === "" ? "M" : `L${x(last)},${bottom}L`}${x(b.low)},${bottom}`;
    path += `L${x(b.low)},${y(b)}L${x(b.high + 1)},${y(b)}`;
    last = b.high + 1;
  }
  return `${path}L${x(last)},${bottom}Z`;
}
