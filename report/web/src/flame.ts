import { select } from "d3-selection";
import flamegraph, { type FlameNode } from "d3-flame-graph";
import { type Data, type Endpoint, type Frame, column, counted, percent } from "./data";
import { Rover } from "./keys";
import { redraw } from "./dom";

const cell = 19;

// flame draws where in the code the wall time was spent. A frame is as wide as its
// time, has its bucket's color, and is above the frames that it called.
export function flame(figure: HTMLElement, data: Data, e: Endpoint): void {
  const root = select(figure);
  const all = e.flame!;
  root.append("figcaption").text("Each frame is as wide as the time spent in it: the bucket, its call sites, and the functions that they called. Select one to zoom in; arrow keys walk, Enter zooms, Escape zooms out.");
  const tools = root.append("form").attr("class", "tools").on("submit", (event: Event) => event.preventDefault());
  const label = tools.append("label").text("Find ");
  const input = label.append("input").attr("type", "search").attr("autocomplete", "off").attr("spellcheck", "false");
  const reset = tools.append("button").attr("type", "button").text("Show all");
  const found = tools.append("output").attr("class", "found");
  const box = root.append("div").attr("class", "flame").datum(all as unknown as Frame);
  const detail = root.append("p").attr("class", "detail").attr("aria-live", "polite");

  const name = (d: FlameNode<Frame>): string => data.strings[d.data.n];
  const describe = (d: FlameNode<Frame>): string => {
    const where = data.strings[d.data.d];
    const what = d.data.b >= 0 && d.depth > 1 ? `${data.buckets[d.data.b].label}: ` : "";
    return `${what}${name(d)}${where ? ` (${where})` : ""}: ${percent(d.data.v, all.v)} of the wall time, ${column(e.unit, d.data.v / requests(e))} per request`;
  };
  const tell = (d: FlameNode<Frame>): void => {
    detail.text(describe(d));
  };
  const chart = flamegraph<Frame>()
    .width(Math.max(figure.clientWidth, 300))
    .cellHeight(cell)
    .inverted(true)
    .minFrameSize(0.5)
    .transitionDuration(0)
    .getName(name)
    .setLabelHandler(describe)
    .setColorMapper((d) => {
      if (d.highlight) return "var(--hit)";
      return d.data.b < 0 ? "var(--line)" : `var(--${data.buckets[d.data.b].name})`;
    })
    .setSearchMatch((d, term) => term !== "" && name(d).toLowerCase().includes(term.toLowerCase()))
    .setSearchHandler((results, _, __) => {
      const of = `${counted(results.length, "frame", "frames")}, ${percent(topmost(results), all.v)} of the wall time`;
      found.text(input.property("value") === "" ? "" : of);
    })
    .onClick((d) => {
      dress();
      tell(d);
    });
  chart(box as never);

  const frames = (): SVGElement[] => Array.from(box.node()!.querySelectorAll<SVGElement>("g.frame"));
  const node = (g: SVGElement): FlameNode<Frame> => select<SVGElement, FlameNode<Frame>>(g).datum();
  const rover = new Rover(frames, (from, key) => {
    const list = frames();
    const at = node(list[from]);
    const shown = list.map(node);
    const to = neighbor(at, key, (d) => shown.includes(d));
    return to === null ? null : shown.indexOf(to);
  });
  // dress adds roles and labels, which the library does not. Each zoom makes new
  // frames.
  const dress = (): void => {
    select(box.node()!.querySelector("svg")).attr("role", "group").attr("aria-label", "flame graph of the wall time");
    for (const g of frames()) {
      const d = node(g);
      select(g).attr("role", "button").attr("aria-label", describe(d)).attr("name", null).classed("hit", d.highlight === true).classed("root", d.data.b < 0);
    }
    rover.refresh();
  };
  box.on("keydown", (event: KeyboardEvent) => {
    if (event.key === "Escape") out();
    else rover.handle(event);
  });
  box.on("focusin", (event: FocusEvent) => {
    const g = (event.target as Element).closest<SVGElement>("g.frame");
    if (g) tell(node(g));
  });
  box.on("mouseover", (event: MouseEvent) => {
    const g = (event.target as Element).closest<SVGElement>("g.frame");
    if (g) tell(node(g));
  });
  const out = (): void => {
    chart.resetZoom();
    dress();
  };
  input.on("input", () => {
    const term = (input.property("value") as string).trim();
    if (term === "") {
      chart.clear();
      found.text("");
    } else {
      chart.search(term);
    }
    dress();
  });
  reset.on("click", () => {
    input.property("value", "");
    found.text("");
    chart.clear();
    out();
  });
  dress();
  detail.text(`${data.strings[all.n]}: ${counted(requests(e), "request", "requests")}, ${column(e.unit, all.v / requests(e))} each in the mean`);
  redraw(figure, () => {
    chart.width(Math.max(figure.clientWidth, 300)).update();
    dress();
  });
}

function requests(e: Endpoint): number {
  return e.bars.reduce((sum, b) => sum + b.requests, 0);
}

// topmost returns the time of frames, without those below another one of them.
function topmost(frames: FlameNode<Frame>[]): number {
  const set = new Set(frames);
  let sum = 0;
  for (const f of frames) {
    let above = f.parent;
    while (above && !set.has(above)) above = above.parent;
    if (!above) sum += f.data.v;
  }
  return sum;
}

// neighbor returns the frame that an arrow key leads to: down to a callee, up to the
// caller, or along the level.
function neighbor(d: FlameNode<Frame>, key: string, shown: (d: FlameNode<Frame>) => boolean): FlameNode<Frame> | null {
  const beside = (step: number): FlameNode<Frame> | null => {
    const level = (d.parent?.children ?? [d]).filter(shown);
    return level[level.indexOf(d) + step] ?? null;
  };
  switch (key) {
    case "ArrowDown":
      return (d.children ?? []).filter(shown)[0] ?? null;
    case "ArrowUp":
      return d.parent && shown(d.parent) ? d.parent : null;
    case "ArrowRight":
      return beside(1);
    case "ArrowLeft":
      return beside(-1);
    default:
      return null;
  }
}
