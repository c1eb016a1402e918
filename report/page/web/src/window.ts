// Which part of a long list is in view. Browsers cannot scroll further than
// some tens of millions of pixels; beyond that the bar moves in larger steps.

const tallest = 12e6;

export interface Part {
  first: number;
  count: number;
  top: number; // pixels above the first
  total: number; // pixels of the whole list
}

export function part(scroll: number, view: number, n: number, height: number): Part {
  const natural = n * height;
  const total = Math.min(natural, tallest);
  const fits = Math.ceil(view / height) + 1;
  if (natural <= tallest) {
    const first = Math.max(0, Math.min(n - 1, Math.floor(scroll / height)) - 4);
    return { first, count: Math.min(n - first, fits + 8), top: first * height, total };
  }
  const share = Math.min(1, scroll / (total - view));
  const first = Math.floor(share * (n - view / height));
  return { first, count: Math.min(n - first, fits), top: Math.min(scroll, total - fits * height), total };
}

// reach returns where to scroll so that item i of the list is in view, from
// where it is now.
export function reach(i: number, scroll: number, view: number, n: number, height: number): number {
  const natural = n * height;
  if (natural > tallest) return (Math.min(i, n - view / height) / (n - view / height)) * (tallest - view);
  if (i * height < scroll) return i * height;
  if ((i + 1) * height > scroll + view) return (i + 1) * height - view;
  return scroll;
}
