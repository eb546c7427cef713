"""Style of the page that a run leaves, for light and dark, narrow and wide screens."""

STYLE = """
:root { color-scheme: light dark; --ink: #1b1f24; --paper: #fff; --soft: #59636e;
  --line: #d1d9e0; --tint: #f6f8fa; --mark: #0969da; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e6edf3; --paper: #0d1117; --soft: #9198a1; --line: #3d444d;
    --tint: #161b22; --mark: #4493f8; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 70rem; padding: 1rem; background: var(--paper);
  color: var(--ink); font: 1rem/1.5 system-ui, sans-serif; }
h1 { font-size: 1.5rem; overflow-wrap: anywhere; }
h2 { font-size: 1.15rem; margin: 2rem 0 .5rem; padding-bottom: .25rem;
  border-bottom: 1px solid var(--line); }
h3 { font-size: 1rem; margin: 1rem 0 .4rem; }
p, figcaption, summary { color: var(--soft); }
summary { cursor: pointer; margin: .75rem 0; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-size: .875rem; }
th, td { padding: .3rem .75rem; border-bottom: 1px solid var(--line);
  text-align: right; white-space: nowrap; font-variant-numeric: tabular-nums; }
th:first-child, td:first-child { text-align: left; }
thead th { color: var(--soft); font-weight: 600; }
.published td { color: var(--mark); }
.text th, .text td { text-align: left; vertical-align: top; white-space: normal;
  overflow-wrap: anywhere; }
.text td { font-family: ui-monospace, monospace; font-size: .8rem; min-width: 7rem; }
.text td:nth-child(3) { font-family: inherit; min-width: 14rem; }
.text details, .text summary { margin: 0; }
.swatch { display: inline-block; width: .8em; height: .8em; margin-right: .45em;
  border: 1px solid var(--line); border-radius: 2px; vertical-align: -.05em; }
.legend { display: flex; flex-wrap: wrap; gap: .2rem 1rem; font-size: .875rem; }
.strips { display: grid; gap: 1rem;
  grid-template-columns: repeat(auto-fill, minmax(min(100%, 30rem), 1fr)); }
figure { margin: 0; }
figcaption { font-size: .875rem; overflow-wrap: anywhere; }
img { display: block; max-width: 100%; height: auto; border-radius: 4px;
  background: #fff; }
.strips img { width: 100%; }
.curves img { min-width: 46rem; }
"""
