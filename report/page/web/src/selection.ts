// The segment that ladder, packets and graphs speak of.

export class Selection {
  index = -1; // of the chosen segment, -1 for none
  private readonly listeners: ((index: number, source: unknown) => void)[] = [];
  private readonly watchers: ((index: number) => void)[] = [];

  constructor(readonly size: number) {}

  // onPick hears of a segment that was chosen, and by whom.
  onPick(fn: (index: number, source: unknown) => void): void {
    this.listeners.push(fn);
  }

  // onPoint hears of the segment under the pointer, -1 for none.
  onPoint(fn: (index: number) => void): void {
    this.watchers.push(fn);
  }

  pick(index: number, source: unknown = null): void {
    if (this.size === 0) return;
    this.index = Math.max(0, Math.min(this.size - 1, index));
    for (const fn of this.listeners) fn(this.index, source);
  }

  point(index: number): void {
    for (const fn of this.watchers) fn(index);
  }
}
