#include "experiments/sweep/sweep_charts.h"

namespace broadsheet {

// The ramp is viridis without the end that the paper would swallow: the best is darkest on white, brightest on black.
const char* sweep_style() {
  return R"css(
:root { --r0: #a0da39; --r1: #4ac16d; --r2: #1fa187; --r3: #277f8e; --r4: #365c8d; --r5: #46327e; --r6: #440154; }
@media (prefers-color-scheme: dark) { :root { --r0: #5a4a94; --r1: #3f6a9b; --r2: #2b8894; --r3: #1fa187; --r4: #4ac16d;
  --r5: #a0da39; --r6: #fde725; } }
.r0 { stroke: var(--r0); } .r1 { stroke: var(--r1); } .r2 { stroke: var(--r2); } .r3 { stroke: var(--r3); }
.r4 { stroke: var(--r4); } .r5 { stroke: var(--r5); } .r6 { stroke: var(--r6); }
circle.r0, i.r0 { fill: var(--r0); background: var(--r0); } circle.r1, i.r1 { fill: var(--r1); background: var(--r1); }
circle.r2, i.r2 { fill: var(--r2); background: var(--r2); } circle.r3, i.r3 { fill: var(--r3); background: var(--r3); }
circle.r4, i.r4 { fill: var(--r4); background: var(--r4); } circle.r5, i.r5 { fill: var(--r5); background: var(--r5); }
circle.r6, i.r6 { fill: var(--r6); background: var(--r6); }
circle.faint { opacity: .5; }
circle.unused { fill: var(--card); stroke: var(--soft) !important; }
polyline.way { stroke-width: 1.3; stroke-opacity: .75; pointer-events: stroke; }
polyline.way.faint { stroke-width: 1; stroke-opacity: .5; }
.many polyline.way { stroke-opacity: .3; }
polyline.way.top, .many polyline.way.top { stroke-width: 3; stroke-opacity: 1; }
polyline.way:hover, polyline.way.lit, .many polyline.way.lit { stroke: var(--b); stroke-width: 3; stroke-opacity: 1; }
svg.wide { min-width: 760px; }
.axis-name { fill: var(--ink); font-size: 12px; font-weight: 600; }
.halo { paint-order: stroke; stroke: var(--card); stroke-width: 3px; stroke-linejoin: round; }
.legend { flex-wrap: wrap; align-items: center; } .ramp i { width: 18px; height: 8px; margin: 0; border-radius: 0; }
.legend i.thin { height: 1px; background: var(--soft); }
.slices { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(300px, 100%), 1fr)); gap: 16px; }
.note { color: var(--soft); font-size: 13px; margin: 8px 0 0; }
.bars { display: grid; gap: 7px; }
.bar { display: grid; grid-template-columns: minmax(90px, 190px) minmax(80px, 1fr) minmax(60px, 230px); gap: 14px;
  align-items: center; font-variant-numeric: tabular-nums; }
.bar > span:first-child { text-align: right; overflow-wrap: anywhere; } .bar .amount { color: var(--soft); font-size: 13px; }
.track { position: relative; height: 14px; background: color-mix(in srgb, var(--rule) 45%, transparent); border-radius: 3px; }
.track i, .track b { position: absolute; left: 0; top: 0; bottom: 0; border-radius: 3px; }
.track i { background: var(--faint); } .track b { background: var(--a); }
.c-done { fill: var(--a); background: var(--a); } .c-pruned { fill: var(--faint); background: var(--faint); }
.c-failed { fill: var(--bad); background: var(--bad); } .c-running { fill: var(--b); background: var(--b); }
.legend i[class^="c-"] { height: 9px; width: 12px; }
a { color: var(--a); } td a { font-variant-numeric: tabular-nums; }
table.trials { font-size: 13px; } table.trials td, table.trials th { padding: 4px 10px; white-space: nowrap; }
table.trials td.text, table.trials th.text, table.failures td, table.failures th { text-align: left; }
table.failures td { overflow-wrap: anywhere; white-space: pre-line; } table.failures td.count { text-align: right; }
table.trials tr.chosen td { background: color-mix(in srgb, var(--good) 12%, var(--card)); }
table.trials tbody tr:hover td { background: color-mix(in srgb, var(--b) 12%, var(--card)); }
table.sortable th { cursor: pointer; } th[aria-sort="ascending"]::after { content: " \2191"; }
th[aria-sort="descending"]::after { content: " \2193"; }
td.none { color: var(--soft); }
.state { display: inline-block; width: 8px; height: 8px; border-radius: 4px; margin-right: 6px; }
)css";
}

// Nothing but comfort: a click on a column's head sorts by it, a row under the pointer lights up its lines. Written
// without '<' and '&', so that the page stays what an XML parser would read.
const char* sweep_script() {
  return R"js(
document.querySelectorAll('table.sortable').forEach(function (table) {
  var heads = Array.from(table.tHead.rows[0].cells), body = table.tBodies[0];
  function key(row, column) {
    var cell = row.cells[column], number = cell.dataset.v;
    return number === undefined ? cell.textContent : number === '' ? null : Number(number);
  }
  heads.forEach(function (head, column) {
    head.title = 'sort by this column';
    head.addEventListener('click', function () {
      var down = head.getAttribute('aria-sort') === 'ascending';
      heads.forEach(function (other) { other.removeAttribute('aria-sort'); });
      head.setAttribute('aria-sort', down ? 'descending' : 'ascending');
      Array.from(body.rows).sort(function (a, b) {
        var x = key(a, column), y = key(b, column);
        if (x === null || y === null) return (x === null ? 1 : 0) - (y === null ? 1 : 0);
        var order = typeof x === 'number' ? (typeof y === 'number' ? x - y : -1)
                                          : typeof y === 'number' ? 1 : x.localeCompare(y);
        return down ? -order : order;
      }).forEach(function (row) { body.appendChild(row); });
    });
  });
});
document.querySelectorAll('tr[data-t]').forEach(function (row) {
  var lines = document.querySelectorAll('polyline[data-t="' + row.dataset.t + '"]');
  function light(on) { lines.forEach(function (line) { line.classList.toggle('lit', on); }); }
  row.addEventListener('mouseenter', function () { light(true); });
  row.addEventListener('mouseleave', function () { light(false); });
});
)js";
}

}  // namespace broadsheet
