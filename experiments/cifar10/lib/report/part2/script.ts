// What report.html runs: sorting the table, picking curves. The page is whole without it.

/** Plain JavaScript for browsers of the last years. */
export const SCRIPT = `
'use strict';
for (const table of document.querySelectorAll('table.sortable')) {
  for (const head of table.tHead.rows[0].cells) {
    const button = document.createElement('button');
    button.type = 'button';
    button.append(...head.childNodes);
    head.append(button);
    button.addEventListener('click', () => {
      const up = head.getAttribute('aria-sort') !== 'ascending';
      for (const other of table.tHead.rows[0].cells) other.removeAttribute('aria-sort');
      head.setAttribute('aria-sort', up ? 'ascending' : 'descending');
      const value = (row) => parseFloat(row.cells[head.cellIndex].dataset.value);
      // What has no value stands last either way.
      const rows = [...table.tBodies[0].rows].sort((a, b) => {
        const [x, y] = [value(a), value(b)];
        if (isNaN(x) || isNaN(y)) return isNaN(x) - isNaN(y);
        return up ? x - y : y - x;
      });
      table.tBodies[0].append(...rows);
    });
  }
}
for (const legend of document.querySelectorAll('.legend')) {
  const boxes = [...legend.querySelectorAll('input')];
  const show = () => {
    for (const box of boxes)
      for (const part of legend.parentElement.querySelectorAll('svg [aria-label="' + CSS.escape(box.value) + '"]'))
        part.style.display = box.checked ? '' : 'none';
  };
  legend.addEventListener('change', show);
  for (const [text, checked] of [['all', true], ['none', false]]) {
    const button = document.createElement('button');
    button.type = 'button';
    button.textContent = text;
    button.addEventListener('click', () => {
      for (const box of boxes) box.checked = checked;
      show();
    });
    legend.append(button);
  }
  for (const box of boxes) box.disabled = false;
}
`;
