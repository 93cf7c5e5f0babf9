import { select } from "d3-selection";
import flamegraph, { type FlameNode } from "d3-flame-graph";
import { type Change, type Data, type Endpoint, type Frame, column, counted, percent } from "./data";
import { Rover } from "./keys";
import { redraw } from "./dom";

const cell = 19;

// A graph is what a flame graph shows.
interface Graph {
  all: Frame;
  caption: string;
  aria: string;
  summary: string; // as long as no frame is chosen
  name(d: FlameNode<Frame>): string;
  describe(d: FlameNode<Frame>): string;
  color(f: Frame): string;
  found(frames: FlameNode<Frame>[]): string; // how much the frames that were found are
}

// flame draws where in the code the wall time was spent. A frame is as wide as its
// time, has its bucket's color, and is above the frames that it called.
export function flame(figure: HTMLElement, data: Data, e: Endpoint): void {
  const all = e.flame!;
  draw(figure, {
    all,
    caption: `Each frame is as wide as the time spent in it: the bucket, its call sites, and the functions that they called. ${walking}`,
    aria: "flame graph of the wall time",
    summary: `${data.strings[all.n]}: ${counted(requests(e), "request", "requests")}, ${column(e.unit, all.v / requests(e))} each in the mean`,
    name: (d) => data.strings[d.data.n],
    describe: (d) => `${place(data, d)}: ${percent(d.data.v, all.v)} of the wall time, ${column(e.unit, d.data.v / requests(e))} per request`,
    color: (f) => (f.b < 0 ? "var(--line)" : `var(--${data.buckets[f.b].name})`),
    found: (frames) => `${percent(topmost(frames), all.v)} of the wall time`,
  });
}

// least is the share of the mean wall time below which a frame counts as unchanged.
const least = 0.005;

// difference draws where in the code the wall time changed. A frame is as wide as its time
// before and after together. What got slower is red, what got faster blue and striped; the
// frames' names begin with the change, so that no color is needed.
export function difference(figure: HTMLElement, data: Data, change: Change): void {
  const all = change.flame!;
  const before = (f: Frame): number => f.w ?? 0;
  const after = (f: Frame): number => f.v - before(f);
  const delta = (f: Frame): number => after(f) - before(f);
  const same = (f: Frame): boolean => Math.abs(delta(f)) < least * Math.max(before(all), after(all));
  const signed = (ns: number): string => `${ns < 0 ? "−" : "+"}${column(change.unit, Math.abs(ns))}`;
  const root = select(figure);
  draw(figure, {
    all,
    caption: `Each frame is as wide as the time spent in it before and after together, per request. Its name begins with the change. ${walking}`,
    aria: "flame graph of what changed in the wall time",
    summary: `${data.strings[all.n]}: ${column(change.unit, before(all))} before, ${column(change.unit, after(all))} after (${signed(delta(all))} per request)`,
    name: (d) => (same(d.data) ? data.strings[d.data.n] : `${signed(delta(d.data))} ${data.strings[d.data.n]}`),
    describe: (d) => `${place(data, d, same(d.data) ? "" : `${signed(delta(d.data))} `)}: ${column(change.unit, before(d.data))} before, ${column(change.unit, after(d.data))} after, per request`,
    color: (f) => (same(f) ? "var(--line)" : delta(f) > 0 ? "var(--slower)" : "url(#p-faster)"),
    found: (frames) => `${signed(outermost(frames).reduce((sum, f) => sum + delta(f.data), 0))} per request`,
  });
  const legend = root.insert("ul", ".flame").attr("class", "legend");
  for (const [fill, text] of [["var(--slower)", "+ slower"], ["url(#p-faster)", "− faster"], ["var(--line)", "about the same"]]) {
    const item = legend.append("li");
    item.append("svg").attr("class", "swatch").attr("width", 12).attr("height", 12).attr("aria-hidden", "true").append("rect").style("fill", fill).attr("width", 12).attr("height", 12);
    item.append("span").text(text);
  }
}

const walking = "Select one to zoom in; arrow keys walk, Enter zooms, Escape zooms out.";

// place names a frame and where it is. change, if not empty, comes before the name, as in
// the frame's own text.
function place(data: Data, d: FlameNode<Frame>, change = ""): string {
  const where = data.strings[d.data.d];
  const what = d.data.b >= 0 && d.depth > 1 ? `${data.buckets[d.data.b].label}: ` : "";
  return `${what}${change}${data.strings[d.data.n]}${where ? ` (${where})` : ""}`;
}

function draw(figure: HTMLElement, graph: Graph): void {
  const root = select(figure);
  const { all, name, describe } = graph;
  root.append("figcaption").text(graph.caption);
  const tools = root.append("form").attr("class", "tools").on("submit", (event: Event) => event.preventDefault());
  const label = tools.append("label").text("Find ");
  const input = label.append("input").attr("type", "search").attr("autocomplete", "off").attr("spellcheck", "false");
  const reset = tools.append("button").attr("type", "button").text("Show all");
  const found = tools.append("output").attr("class", "found");
  const box = root.append("div").attr("class", "flame").datum(all as unknown as Frame);
  const detail = root.append("p").attr("class", "detail").attr("aria-live", "polite");

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
      return graph.color(d.data);
    })
    .setSearchMatch((d, term) => term !== "" && name(d).toLowerCase().includes(term.toLowerCase()))
    .setSearchHandler((results, _, __) => {
      const of = `${counted(results.length, "frame", "frames")}, ${graph.found(results)}`;
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
    select(box.node()!.querySelector("svg")).attr("role", "group").attr("aria-label", graph.aria);
    for (const g of frames()) {
      const d = node(g);
      select(g).attr("role", "button").attr("aria-label", describe(d)).attr("name", null).classed("hit", d.highlight === true).classed("root", graph.color(d.data) === "var(--line)");
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
  detail.text(graph.summary);
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
  return outermost(frames).reduce((sum, f) => sum + f.data.v, 0);
}

// outermost returns the frames that are below no other one of them.
function outermost(frames: FlameNode<Frame>[]): FlameNode<Frame>[] {
  const set = new Set(frames);
  return frames.filter((f) => {
    let above = f.parent;
    while (above && !set.has(above)) above = above.parent;
    return !above;
  });
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
