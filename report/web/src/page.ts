import "./style.css";
import { type Bar, read } from "./data";
import { difference, flame } from "./flame";
import { histogram } from "./histogram";
import { overlay } from "./overlay";
import { Waterfall } from "./waterfall";

const data = read();
const figures = (chart: string): HTMLElement[] => Array.from(document.querySelectorAll<HTMLElement>(`figure[data-chart="${chart}"]`));

// The tables work without a script. Each chart becomes visible when it is drawn.
function place(chart: string, draw: (figure: HTMLElement, at: number) => void): void {
  for (const figure of figures(chart)) {
    figure.hidden = false;
    draw(figure, Number(figure.dataset.at));
  }
}

const waterfalls = new Map<number, Waterfall>();
place("waterfall", (figure, at) => waterfalls.set(at, new Waterfall(figure, data, at)));
place("flame", (figure, at) => flame(figure, data, data.endpoints[at]));
place("histogram", (figure, at) => {
  const show = (bar: Bar): string => {
    const waterfall = waterfalls.get(at);
    if (!waterfall || bar.request < 0) return "None of its requests is in this page.";
    waterfall.show(bar.request);
    const r = data.requests[bar.request];
    return r.wall >= bar.low && r.wall <= bar.high ? `Shown below: one of them, ${r.id}.` : `Shown below: ${r.id}, the nearest in this page.`;
  };
  histogram(figure, data, data.endpoints[at], show);
});
place("difference", (figure, at) => difference(figure, data, data.changes[at]));
place("overlay", (figure, at) => overlay(figure, data.changes[at]));

// Print everything that is folded on the screen.
let folded: HTMLDetailsElement[] = [];
addEventListener("beforeprint", () => {
  folded = Array.from(document.querySelectorAll<HTMLDetailsElement>("details:not(.licenses):not([open])"));
  for (const d of folded) d.open = true;
});
addEventListener("afterprint", () => {
  for (const d of folded) d.open = false;
});
