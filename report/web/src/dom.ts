import { type NumberValue, scaleLinear, type scaleLog } from "d3-scale";
import { select, type Selection } from "d3-selection";
import { type Data, type Unit, ranked } from "./data";

// legend shows the colors and patterns of the buckets that hold any time.
export function legend(list: Selection<HTMLUListElement, unknown, null, undefined>, data: Data, buckets: number[]): void {
  list.selectAll("li").remove();
  const items = list.selectAll("li").data(ranked(buckets)).join("li");
  items.append("svg").attr("class", "swatch").attr("width", 12).attr("height", 12).attr("aria-hidden", "true")
    .append("rect").attr("class", (k) => `b-${data.buckets[k].name}`).attr("width", 12).attr("height", 12);
  items.append("span").text((k) => data.buckets[k].label);
}

// ticks returns round times: 1, 2 and 5 times a power of ten or, if there are too few
// of these, evenly spaced times.
export function ticks(x: ReturnType<typeof scaleLog<number, number>>, width: number): number[] {
  const [low, high] = x.domain();
  let list: number[] = [];
  for (let p = 1; p <= high; p *= 10) list.push(...[p, 2 * p, 5 * p].filter((v) => v >= low && v <= high));
  if (list.length < 4) list = scaleLinear().domain([low, high]).ticks(width < 500 ? 4 : 8).filter((v) => v >= low && v <= high);
  const apart = 46;
  let last = -Infinity;
  return list.filter((v) => {
    if (x(v) - last < apart) return false;
    last = x(v);
    return true;
  });
}

// inside moves the labels of an axis that would reach beyond the right edge to the left.
export function inside(axis: Selection<SVGGElement, unknown, null, undefined>, x: (v: number) => number, width: number): void {
  axis.selectAll<SVGTextElement, NumberValue>(".tick text").each(function (v) {
    const at = x(v.valueOf());
    if (at + this.getComputedTextLength() / 2 > width) select(this).attr("text-anchor", "end").attr("x", width - at);
  });
}

// round writes a time on an axis.
export function round(unit: Unit, ns: number): string {
  return `${Number((ns / unit.ns).toPrecision(3)).toLocaleString("en-US", { maximumFractionDigits: 4 })} ${unit.name}`;
}

// redraw calls draw whenever the figure's width changes.
export function redraw(figure: HTMLElement, draw: () => void): void {
  let width = figure.clientWidth;
  new ResizeObserver(() => {
    if (figure.clientWidth !== width) {
      width = figure.clientWidth;
      draw();
    }
  }).observe(figure);
}
