import { axisBottom, axisLeft } from "d3-axis";
import { scaleLinear, scaleLog } from "d3-scale";
import { select } from "d3-selection";
import { type Bar, type Data, type Endpoint, column, counted, mix, percent, ranked } from "./data";
import { inside, legend, redraw, round, ticks } from "./dom";
import { Rover, along } from "./keys";

const height = 180; // height of the counts
const strip = 56; // height of the shares
const margin = { top: 18, right: 12, bottom: 34, left: 44 };

// histogram draws how many requests took how long, each bar split by bucket. Below it,
// every bar is repeated at one height, so that the few slow requests are as visible as
// the many fast ones. pick is called with the bar that the user selects, and returns a
// sentence about it.
export function histogram(figure: HTMLElement, data: Data, e: Endpoint, pick: (bar: Bar) => string): void {
  const root = select(figure);
  root.append("figcaption").text("How many requests took how long, split by what they spent their time on; below, the same as shares. A bar shows one of its requests.");
  const svg = root.append("svg").attr("class", "histogram").attr("role", "group").attr("aria-label", "latency histogram; arrow keys walk along the bars, Enter shows a request of one");
  legend(root.append("ul").attr("class", "legend"), data, totals(e.bars));
  const detail = root.append("p").attr("class", "detail").attr("aria-live", "polite");
  detail.text(`${counted(e.bars.length, "bar", "bars")}: ${mix(data, totals(e.bars))} over all requests`);
  const order = ranked(totals(e.bars)); // the same in each bar, so that they form bands
  const rover = new Rover(() => Array.from(svg.node()!.querySelectorAll<SVGElement>("g.column")), along);

  const draw = (): void => {
    svg.selectAll("*").remove();
    const width = Math.max(figure.clientWidth, 300);
    const bottom = margin.top + height + 6 + strip;
    svg.attr("viewBox", `0 0 ${width} ${bottom + margin.bottom}`);
    const low = Math.max(e.bars[0].low, 1);
    const x = scaleLog().domain([low, Math.max(e.bars[e.bars.length - 1].high, low + 1)]).range([margin.left, width - margin.right]);
    const y = scaleLinear().domain([0, Math.max(...e.bars.map((b) => b.requests))]).nice(4).range([margin.top + height, margin.top]);

    svg.append("g").attr("class", "axis").attr("aria-hidden", "true").attr("transform", `translate(${margin.left},0)`)
      .call(axisLeft(y).ticks(4).tickSizeInner(-(width - margin.left - margin.right)).tickFormat((v) => (Number.isInteger(v.valueOf()) ? v.toLocaleString("en-US") : "")));
    svg.append("g").attr("class", "axis").attr("aria-hidden", "true").attr("transform", `translate(0,${bottom})`)
      .call(axisBottom(x).tickValues(ticks(x, width)).tickFormat((v) => round(e.unit, v.valueOf())))
      .call(inside, x, width);

    const columns = svg.selectAll<SVGGElement, Bar>("g.column").data(e.bars).join("g").attr("class", "column")
      .attr("role", "button").attr("tabindex", -1).attr("aria-pressed", "false").attr("aria-label", (b) => describe(data, e, b));
    columns.each(function (b) {
      const g = select(this);
      const left = x(Math.max(b.low, low));
      const wide = Math.max(x(Math.max(b.high, low + 1)) - left - 1, 1);
      const whole = b.buckets.reduce((a, t) => a + t, 0);
      let at = 0;
      for (const k of order.filter((i) => b.buckets[i] > 0)) {
        const part = b.buckets[k] / whole;
        const tall = y(0) - y(b.requests);
        const paint = (kind: string, base: number, of: number): void => {
          const rect = g.append("rect").attr("x", left).attr("width", wide).attr("y", base - (at + part) * of).attr("height", part * of);
          // A pattern needs room to be recognized; narrow bars rely on the legend and
          // their labels.
          rect.attr("class", wide < 10 ? kind : `${kind} b-${data.buckets[k].name}`).attr("fill", `var(--${data.buckets[k].name})`);
        };
        paint("part", y(0), tall);
        paint("share", bottom, strip);
        at += part;
      }
      g.append("rect").attr("class", "hit").attr("x", left - 0.5).attr("width", wide + 1).attr("y", margin.top).attr("height", bottom - margin.top);
      g.append("title").text(describe(data, e, b));
    });
    columns.on("click", function (_, b) {
      columns.classed("picked", false).attr("aria-pressed", "false");
      select(this).classed("picked", true).attr("aria-pressed", "true");
      rover.reach(this);
      detail.text(`${describe(data, e, b)}. ${pick(b)}`);
    });
    columns.on("focus mouseenter", (_, b) => detail.text(describe(data, e, b)));
    columns.on("keydown", (event: KeyboardEvent) => rover.handle(event));

    const marks = svg.append("g").attr("class", "marks").attr("aria-hidden", "true");
    for (const m of e.marks) {
      if (m.at < low) continue;
      const at = x(m.at);
      marks.append("line").attr("x1", at).attr("x2", at).attr("y1", margin.top).attr("y2", bottom);
      marks.append("text").attr("x", at).attr("y", margin.top - 5).attr("text-anchor", "middle").text(m.name);
    }
    rover.refresh();
  };
  draw();
  redraw(figure, draw);
}

function totals(bars: Bar[]): number[] {
  return bars[0].buckets.map((_, k) => bars.reduce((sum, b) => sum + b.buckets[k], 0));
}

function describe(data: Data, e: Endpoint, b: Bar): string {
  const all = e.bars.reduce((sum, o) => sum + o.requests, 0);
  return `${counted(b.requests, "request", "requests")} (${percent(b.requests, all)}) took ${column(e.unit, b.low)} to ${column(e.unit, b.high)}: ${mix(data, b.buckets)}`;
}
