// What a report with a script runs: it marks what is wider than its place, so that a reader sees that it scrolls.

/** Plain JavaScript for browsers of the last years. */
export const SCROLL_SCRIPT = `
'use strict';
for (const scroll of document.querySelectorAll('.scroll')) {
  const mark = () => {
    const more = scroll.scrollWidth - scroll.clientWidth;
    scroll.parentElement.classList.toggle('scrolls', more > 1);
    scroll.parentElement.classList.toggle('at-end', scroll.scrollLeft >= more - 1);
  };
  scroll.addEventListener('scroll', mark, { passive: true });
  new ResizeObserver(mark).observe(scroll);
  mark();
}
`;
