// A Rover moves the focus among many marks. Tab reaches one of them, and keys lead from
// it to the others: next returns the index that a key leads to, or null. Enter and
// Space activate the mark.
export class Rover {
  constructor(
    private readonly marks: () => SVGElement[],
    private readonly next: (from: number, key: string, of: number) => number | null,
  ) {}

  // refresh keeps one mark reachable after the marks have changed.
  refresh(): void {
    const all = this.marks();
    const reached = all.filter((m) => m.getAttribute("tabindex") === "0");
    for (const m of all) m.setAttribute("tabindex", "-1");
    (reached[0] ?? all[0])?.setAttribute("tabindex", "0");
  }

  reach(mark: SVGElement): void {
    for (const m of this.marks()) m.setAttribute("tabindex", "-1");
    mark.setAttribute("tabindex", "0");
  }

  handle(event: KeyboardEvent): void {
    const all = this.marks();
    const at = all.indexOf(event.target as SVGElement);
    if (at < 0) return;
    if (event.key === "Enter" || event.key === " ") {
      event.preventDefault();
      all[at].dispatchEvent(new MouseEvent("click", { bubbles: true }));
      return;
    }
    const to = this.next(at, event.key, all.length);
    if (to === null) return;
    event.preventDefault();
    const mark = all[Math.max(0, Math.min(all.length - 1, to))];
    this.reach(mark);
    mark.focus();
  }
}

// along is the next function for marks in a row.
export function along(from: number, key: string, of: number): number | null {
  switch (key) {
    case "ArrowRight":
    case "ArrowDown":
      return from + 1;
    case "ArrowLeft":
    case "ArrowUp":
      return from - 1;
    case "Home":
      return 0;
    case "End":
      return of - 1;
    default:
      return null;
  }
}
