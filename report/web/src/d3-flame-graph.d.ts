// The part of d3-flame-graph that the page uses; the package brings no types.
declare module "d3-flame-graph" {
  import type { Selection } from "d3-selection";
  

  export interface FlameGraph<T> {
    (selection: Selection<HTMLElement, T, null, undefined>): void;
    width(px: number): this;
    cellHeight(px: number): this;
    inverted(yes: boolean): this;
    minFrameSize(px: number): this;
    transitionDuration(ms: number): this;
    setColorMapper(f: (d: FlameNode<T>, original: string) => string): this;
    setLabelHandler(f: (d: FlameNode<T>) => string): this;
    setSearchMatch(f: (d: FlameNode<T>, term: string) => boolean): this;
    setSearchHandler(f: (results: FlameNode<T>[], sum: number, total: number) => void): this;
    getName(f: (d: FlameNode<T>) => string): this;
    onClick(f: (d: FlameNode<T>) => void): this;
    search(term: string): void;
    clear(): void;
    resetZoom(): void;
    zoomTo(d: FlameNode<T>): void;
    update(): this;
  }

  export interface FlameNode<T> {
    data: T & { hide?: boolean; fade?: boolean };
    value: number;
    depth: number;
    parent: FlameNode<T> | null;
    children?: FlameNode<T>[];
    x0: number;
    x1: number;
    highlight?: boolean;
  }

  export default function flamegraph<T>(): FlameGraph<T>;
}
