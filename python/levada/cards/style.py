"""How a card looks, and the few lines of script that it has."""

#: Colours are names, set once for light and once for dark. Text on each surface has a contrast of at least 4.5 to 1.
STYLE = """
:root{color-scheme:light dark;--paper:#f4f6f5;--sheet:#fff;--ink:#16211e;--soft:#52625d;--line:#dbe3e0;--faint:#eef2f0;--accent:#0a6b5e;
--good:#17703a;--warn:#8a5a00;--bad:#b3261e;--info:#1b5fa8;--violet:#6a3fb5;--good-bg:#e6f4ea;--warn-bg:#fdf3dc;--bad-bg:#fdeceb;--info-bg:#e8f1fb;--violet-bg:#f0eafa;
--c0:#0a7d6e;--c1:#d9730d;--c2:#3867c7;--c3:#b8397f;--c4:#7d8f12;--c5:#7a4fc4;--c6:#1693b5;--c7:#a8562a;--c8:#5f6f6a;--c9:#c2a005;
--k:#8a2d8f;--s:#1d6b34;--n:#9a4a00;--c:#5d6c67;--mono:ui-monospace,SFMono-Regular,Menlo,Consolas,"Liberation Mono",monospace}
@media (prefers-color-scheme:dark){:root{--paper:#0e1412;--sheet:#151d1a;--ink:#e4ebe8;--soft:#9db0a9;--line:#2a3733;--faint:#1c2623;--accent:#5fd4c0;
--good:#7ddb9b;--warn:#f0c060;--bad:#ff9d94;--info:#8fc0ff;--violet:#c8aeff;--good-bg:#15291c;--warn-bg:#2d2410;--bad-bg:#351a18;--info-bg:#14263a;--violet-bg:#251c38;
--c0:#3fc1ae;--c1:#f29a4b;--c2:#7ea6f7;--c3:#ef7fb9;--c4:#bccb4c;--c5:#b294f2;--c6:#55c3e0;--c7:#d98d63;--c8:#9fb0aa;--c9:#e5cb4d;
--k:#e0a2e6;--s:#8fdba6;--n:#f2b27a;--c:#92a39d}}
*{box-sizing:border-box}
html{-webkit-text-size-adjust:100%}
body{margin:0 auto;max-width:66rem;padding:clamp(1rem,4vw,2.75rem) clamp(.75rem,4vw,2rem);background:var(--paper);color:var(--ink);
font:16px/1.6 system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif;overflow-wrap:break-word}
header{margin:0 0 1.75rem;padding-left:1rem;border-left:4px solid var(--accent)}
h1,h2,h3,h4,h5,h6{line-height:1.25;margin:1.6em 0 .5em;text-wrap:balance}
h1{font-size:clamp(1.6rem,5vw,2.25rem);letter-spacing:-.02em;margin:0}
h2{font-size:1.3rem;letter-spacing:-.01em}h3{font-size:1.1rem}h4,h5,h6{font-size:1rem}
p,ul,ol,dl,figure,blockquote,pre{margin:0 0 1rem}
a{color:var(--accent);text-underline-offset:.15em}
:focus-visible{outline:2px solid var(--accent);outline-offset:2px;border-radius:2px}
.kicker{color:var(--soft);font-size:.875rem;margin:0 0 .25rem;overflow-wrap:anywhere}
.facts{display:flex;flex-wrap:wrap;gap:.5rem 1.75rem;margin:1rem 0 0}
.facts dt,.fields dt{font-size:.78rem;color:var(--soft)}
.facts dd,.fields dd{margin:0;font-variant-numeric:tabular-nums}
.live{display:inline-flex;align-items:center;gap:.5rem;margin:.6rem 0 0;padding:.1rem .7rem;border-radius:99px;background:var(--good-bg);color:var(--good);font-size:.875rem}
.dot{width:.55rem;height:.55rem;border-radius:50%;background:currentColor;animation:pulse 1.6s ease-in-out infinite}
@keyframes pulse{50%{opacity:.25}}
.sheet{background:var(--sheet);border:1px solid var(--line);border-radius:12px;padding:clamp(1rem,3vw,1.75rem);margin:0 0 1.25rem}
.sheet>:first-child,.sheet>details>summary>h2,.prose>:first-child,td>:first-child,li>:first-child{margin-top:0}
.sheet>:last-child,.prose>:last-child,td>:last-child,blockquote>:last-child,li>:last-child{margin-bottom:0}
.sheet .sheet{border-width:1px 0 0;border-radius:0;padding:1rem 0 0;margin:1rem 0 0;background:none}
.prose{margin:0 0 1rem}.prose>p,.prose>ul,.prose>ol,.prose>blockquote{max-width:46rem}
.subtitle{color:var(--soft);margin-top:-.4rem}
blockquote{border-left:3px solid var(--line);padding-left:1rem;color:var(--soft)}
hr{border:0;border-top:1px solid var(--line);margin:1.5rem 0}
img{max-width:100%;height:auto}
figure>img{display:block;border-radius:6px}
figcaption,caption,.note{color:var(--soft);font-size:.875rem}
figcaption{margin-top:.5rem}caption{caption-side:bottom;text-align:left;padding-top:.5rem}
.none,.missing{color:var(--soft)}
code,pre{font-family:var(--mono);font-size:.86em}
code{background:var(--faint);padding:.1em .35em;border-radius:4px;overflow-wrap:anywhere}
pre{position:relative;background:var(--faint);border:1px solid var(--line);border-radius:8px;padding:.8rem 1rem;overflow:auto;line-height:1.5;max-height:34rem}
pre code{background:none;padding:0;font-size:1em;overflow-wrap:normal}
.log{white-space:pre-wrap;border-left:4px solid var(--bad);background:var(--bad-bg)}
.k{color:var(--k)}.s{color:var(--s)}.n{color:var(--n)}.c{color:var(--c);font-style:italic}
.scroll{overflow-x:auto;margin:0 0 1rem;max-width:100%}
table{border-collapse:collapse;font-size:.92rem;font-variant-numeric:tabular-nums;min-width:min(100%,18rem)}
th,td{padding:.45rem .8rem;text-align:left;vertical-align:top;border-bottom:1px solid var(--line)}
thead th{color:var(--soft);font-weight:600;font-size:.82rem;white-space:nowrap;border-bottom:2px solid var(--line)}
tbody tr:last-child>*{border-bottom:0}
tbody th{font-weight:600;white-space:nowrap}
.num{text-align:right}.centre{text-align:center}
td img{max-width:14rem}td .scroll,td .progress{margin:0;min-width:10rem}td details{max-width:44rem}
.values{width:100%}.values td:last-child{width:99%;min-width:12rem}.values tbody th{white-space:normal;overflow-wrap:anywhere;min-width:6rem}
.type{background:none;padding:0;color:var(--soft);white-space:nowrap}
.value{background:none;padding:0}details.value pre{margin:.5rem 0 0;white-space:pre-wrap}
summary{cursor:pointer}summary>h2{display:inline-block;margin:0}details[open]>summary{margin-bottom:.6rem}
th>button{all:unset;cursor:pointer;font:inherit;color:inherit}
th>button:focus-visible{outline:2px solid var(--accent);outline-offset:2px}
th[aria-sort]>button::after{content:" \\2195";opacity:.55}
th[aria-sort=ascending]>button::after{content:" \\2191";opacity:1}th[aria-sort=descending]>button::after{content:" \\2193";opacity:1}
.copy{position:absolute;top:.45rem;right:.45rem;font:inherit;font-family:inherit;padding:.15rem .6rem;border:1px solid var(--line);border-radius:6px;background:var(--sheet);color:var(--ink);cursor:pointer}
.tiles{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(100%,9.5rem),1fr));gap:.9rem;margin:0 0 1.25rem}
.tile{border:1px solid var(--line);border-top:4px solid var(--accent);border-radius:10px;padding:.85rem 1rem;background:var(--sheet)}
.tile p{margin:0}.tile .title{color:var(--soft);font-size:.875rem}.tile .value{font-size:1.75rem;line-height:1.25;font-weight:650;letter-spacing:-.02em;font-variant-numeric:tabular-nums;overflow-wrap:anywhere}
.tile .subtitle{font-size:.82rem}.tile .change{font-size:.875rem;font-weight:600}
.change.up{color:var(--good)}.change.down{color:var(--bad)}
.tile.theme-success{border-top-color:var(--good);background:var(--good-bg)}.tile.theme-warning{border-top-color:var(--warn);background:var(--warn-bg)}
.tile.theme-danger,.tile.theme-error{border-top-color:var(--bad);background:var(--bad-bg)}.tile.theme-info{border-top-color:var(--info);background:var(--info-bg)}
.tile.theme-bg-gradient-indigo-purple{border:0;background:linear-gradient(135deg,#3f3cbb,#7b2fb0)}
.tile.theme-bg-gradient-indigo-purple p{color:#fff}
.progress{margin:0 0 1rem}.progress .line{display:flex;justify-content:space-between;gap:1rem;font-size:.92rem}
.progress .amount{color:var(--soft);font-variant-numeric:tabular-nums}.progress .note{margin:.15rem 0 0}
progress{appearance:none;-webkit-appearance:none;display:block;width:100%;height:.6rem;border:0;border-radius:99px;background:var(--line);overflow:hidden}
progress::-webkit-progress-bar{background:var(--line)}progress::-webkit-progress-value{background:var(--accent);border-radius:99px}
progress::-moz-progress-bar{background:var(--accent);border-radius:99px}
.timeline h3{margin-top:0}.timeline ol{list-style:none;padding:0;margin:0;border-left:2px solid var(--line)}
.timeline li{position:relative;padding:0 0 1rem 1.25rem}
.timeline li::before{content:"";position:absolute;left:-6px;top:.5rem;width:10px;height:10px;border-radius:50%;background:var(--soft)}
.theme-success::before{background:var(--good)!important}.theme-warning::before{background:var(--warn)!important}.theme-error::before,.theme-danger::before{background:var(--bad)!important}
.theme-info::before,.theme-primary::before{background:var(--info)!important}.theme-tool_call::before{background:var(--warn)!important}.theme-ai_response::before{background:var(--violet)!important}
.timeline .when{margin:0;color:var(--soft);font-size:.82rem;font-variant-numeric:tabular-nums}
.chip{display:inline-block;border:1px solid var(--line);border-radius:99px;padding:0 .5rem;margin-left:.3rem}
.fields{display:flex;flex-wrap:wrap;gap:.2rem 1.4rem;margin:.15rem 0}
.viewer>summary,.viewer>figcaption{font-weight:600;color:var(--ink);margin:0 0 .4rem}.viewer{margin:0 0 1rem}
.columns{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,max(12rem,100%/(var(--columns) + 1))),1fr));gap:1rem}
.chart{margin:0 0 1rem}.chart svg{display:block;max-width:100%;height:auto}
.chart text,.dag text{font-family:inherit;fill:var(--ink)}.chart .axis text,.chart .legend text{fill:var(--soft)}
.chart .grid{stroke:var(--line)}.chart .domain{stroke:var(--soft)}.chart .title{font-weight:650}
.chart .line{stroke-linejoin:round;stroke-linecap:round}
.chart .mark{paint-order:stroke;stroke:var(--sheet);stroke-width:3px;stroke-linejoin:round}
.dag{overflow-x:auto}.dag svg{display:block;max-width:100%;height:auto}
.dag rect{fill:var(--sheet);stroke:var(--soft)}.dag .here rect{fill:var(--accent);stroke:var(--accent)}.dag .here text{fill:var(--sheet)}.dag path{fill:none;stroke:var(--soft)}
.dag .kind{fill:var(--soft)}.dag .here .kind{fill:var(--sheet)}
.vh{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%);white-space:nowrap}
footer{color:var(--soft);font-size:.82rem;margin-top:2rem}
@media (prefers-reduced-motion:reduce){*{animation:none!important;transition:none!important}}
@media print{body{background:#fff;max-width:none}.copy{display:none}pre{max-height:none;white-space:pre-wrap}.sheet{break-inside:avoid-page}}
"""

#: Tables are sorted by a click on a header, data is copied by a button. Without scripts the card has neither, and all else.
SCRIPT = """
for (const table of document.querySelectorAll('table.sortable')) {
  const body = table.tBodies[0], heads = table.tHead ? [...table.tHead.rows[0].cells] : [];
  if (body.rows.length < 2) continue;
  heads.forEach((head, i) => {
    if (!head.textContent) return;
    const button = document.createElement('button');
    button.append(...head.childNodes);
    head.append(button);
    head.setAttribute('aria-sort', 'none');
    button.onclick = () => {
      const up = head.getAttribute('aria-sort') !== 'ascending', num = head.classList.contains('num');
      const key = row => row.cells[i].textContent;
      const rows = [...body.rows].sort((a, b) => num
        ? (parseFloat(key(a)) || 0) - (parseFloat(key(b)) || 0) : key(a).localeCompare(key(b), undefined, {numeric: true}));
      body.append(...(up ? rows : rows.reverse()));
      heads.forEach(h => h.hasAttribute('aria-sort') && h.setAttribute('aria-sort', 'none'));
      head.setAttribute('aria-sort', up ? 'ascending' : 'descending');
    };
  });
}
if (parent !== self) {
  const margin = () => { const s = getComputedStyle(document.body); return parseFloat(s.marginTop) + parseFloat(s.marginBottom); };
  new ResizeObserver(() => parent.postMessage({ cardHeight: document.body.offsetHeight + margin() }, '*')).observe(document.body);
}
if (navigator.clipboard) for (const pre of document.querySelectorAll('pre[data-copy]')) {
  const text = pre.textContent, button = document.createElement('button');
  button.className = 'copy';
  button.textContent = 'Copy';
  button.onclick = () => navigator.clipboard.writeText(text).then(() => { button.textContent = 'Copied'; });
  pre.prepend(button);
}
"""
