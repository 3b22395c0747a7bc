// The style sheet of report.html: light, dark, narrow, paper.

const LIGHT = `--paper:#fff;--page:#f5f6f8;--ink:#1c2430;--muted:#5b6675;--grid:#e0e4ea;--train:#a85505;--test:#17539b;
--accent:#b9222b;--accent-wash:#fdf0f0;--s0:#1c2430;--s1:#17539b;--s2:#b45f06;--s3:#2e7d32;--s4:#c0262d;--s5:#7b3fb3;--s6:#00808a;
--s7:#c2378e;--s8:#7c6f00;--s9:#7a5230;--s10:#5f8dd3;--s11:#e0641f;color-scheme:light;`;
const DARK = `--paper:#171c24;--page:#0f1319;--ink:#e7ebf1;--muted:#9daabb;--grid:#303945;--train:#f0a04b;--test:#79b1f2;
--accent:#ff8179;--accent-wash:#33191b;--s0:#e7ebf1;--s1:#79b1f2;--s2:#f0a04b;--s3:#74c47a;--s4:#ff8179;--s5:#b990ea;--s6:#4fc4cc;
--s7:#f08cc8;--s8:#d6c84a;--s9:#c79a74;--s10:#a9c4f5;--s11:#ffb088;color-scheme:dark;`;

export const STYLE = `
:root{${LIGHT}}
@media screen and (prefers-color-scheme:dark){:root{${DARK}}}
*{box-sizing:border-box}
body{margin:0;background:var(--page);color:var(--ink);font:16px/1.55 system-ui,-apple-system,"Segoe UI",Roboto,"DejaVu Sans",sans-serif;-webkit-text-size-adjust:100%}
main{max-width:1120px;margin:0 auto;padding:clamp(12px,3vw,40px) clamp(10px,3vw,32px)}
header,section{background:var(--paper);border:1px solid var(--grid);border-radius:10px;padding:clamp(16px,3vw,32px);margin:0 0 16px}
h1{font-size:clamp(1.45rem,4.5vw,2.1rem);line-height:1.2;margin:0 0 .5rem;letter-spacing:-.01em;text-wrap:balance}
h2{font-size:1.2rem;line-height:1.3;margin:0 0 .8rem}
header h2{margin-top:1.8rem;font-size:1.05rem}
p,ul{margin:0 0 1rem;max-width:72ch}
li{margin-bottom:.4rem}
.lead{font-size:1.1rem;color:var(--muted)}
.mark{display:inline-block;vertical-align:.25em;font-size:.8rem;letter-spacing:.02em;border:1.5px solid var(--accent);color:var(--accent);border-radius:5px;padding:.05em .5em}
.notice{border-left:4px solid var(--accent);background:var(--accent-wash);padding:.7rem 1rem;border-radius:0 6px 6px 0}
.figures{display:grid;grid-template-columns:repeat(auto-fit,minmax(150px,1fr));gap:1px;border:1px solid var(--grid);border-radius:8px;overflow:hidden;margin:1.4rem 0}
.figure{box-shadow:0 0 0 1px var(--grid);padding:.8rem 1rem;display:flex;flex-direction:column-reverse;justify-content:flex-end}
.figure dt{font-size:.85rem;line-height:1.35;color:var(--muted)}
.figure dd{margin:0;font-size:1.6rem;line-height:1.3;font-variant-numeric:tabular-nums;white-space:nowrap}
.figure.main dd{font-weight:700;color:var(--test)}
.columns,.plots{display:grid;gap:20px 32px;grid-template-columns:minmax(0,1fr)}
.columns>*,.plots>*{min-width:0}
@media (min-width:860px){.columns,.plots{grid-template-columns:minmax(0,1fr) minmax(0,1fr)}.wide-left{grid-template-columns:minmax(0,7fr) minmax(0,6fr)}}
figure{margin:0 0 1rem}
figure svg{display:block;width:100%;height:auto;max-width:660px}
.scroll{overflow-x:auto;max-width:100%;background:linear-gradient(to right,transparent,var(--paper) 70%) right/52px 100% no-repeat local,linear-gradient(to left,var(--muted),transparent) right/14px 100% no-repeat scroll}
figure.matrix svg{min-width:480px}
.scroller{position:relative;margin:0 0 1rem;min-width:0}
.hint{display:none;color:var(--muted);font-size:.8rem;margin:0 0 .2rem}
.scrolls>.hint{display:block}
.scrolls::after{content:"";position:absolute;top:0;right:0;bottom:0;width:44px;pointer-events:none;background:linear-gradient(to right,transparent,var(--paper));border-right:2px solid var(--muted)}
.scrolls.at-end::after{display:none}
table{border-collapse:collapse;font-size:.92rem;font-variant-numeric:tabular-nums;min-width:min(100%,440px)}
caption,figcaption,.note{text-align:left;color:var(--muted);font-size:.85rem;padding-bottom:.5rem}
th,td{text-align:left;font-weight:400;padding:.32rem .9rem .32rem 0;border-bottom:1px solid var(--grid);vertical-align:top}
thead th{font-weight:600;vertical-align:bottom;border-bottom:1.5px solid var(--muted)}
.numbers th,.numbers td,.classes td:nth-child(2),.classes td:nth-child(3),.predictions td:nth-child(4){text-align:right;white-space:nowrap}
.classes thead th:nth-child(2),.classes thead th:nth-child(3),.predictions thead th:nth-child(4){text-align:right}
.numbers th,.numbers td{padding:.32rem 0 .32rem 1.4rem}
.numbers th:first-child{padding-left:.2rem}
.numbers{min-width:min(100%,640px)}
.course .difference{font-weight:600}
.course th[scope=row],.course th[rowspan]{text-align:left}
.sortable thead th{white-space:normal}
.course thead th[colspan]{border-bottom:1px solid var(--grid)}
.provenance td:last-child{font-family:ui-monospace,"DejaVu Sans Mono",monospace;font-size:.8rem}
pre{margin:0;padding:.8rem 1rem;background:var(--page);border:1px solid var(--grid);border-radius:6px;overflow-x:auto;font:.82rem/1.5 ui-monospace,"DejaVu Sans Mono",monospace}
.sheet{list-style:none;padding:0;max-width:none;display:grid;grid-template-columns:repeat(10,minmax(0,1fr));gap:16px 10px;margin:0 0 1.6rem}
.sheet li{margin:0;text-align:center;font-size:.8rem;line-height:1.35;overflow-wrap:break-word}
.sheet img{display:block;margin:5px auto 8px;width:min(112px,92%);height:auto;aspect-ratio:1;image-rendering:pixelated;border-radius:2px;outline:1px solid var(--grid)}
.sheet .wrong img{outline:4px solid var(--accent)}
.sheet .wrong span{color:var(--accent);font-weight:600}
.sheet small{display:block;color:var(--muted);font-variant-numeric:tabular-nums}
@media (max-width:1000px){.sheet{grid-template-columns:repeat(5,minmax(0,1fr))}}
@media (max-width:560px){
.sheet{grid-template-columns:repeat(4,minmax(0,1fr));gap:14px 6px}
.sheet li{font-size:.7rem}
.sheet .wrong img{outline-width:3px}
table{font-size:.84rem;min-width:0}
.numbers{min-width:0;font-size:.8rem}
.numbers thead th{white-space:normal}
.numbers th,.numbers td{padding-left:.55rem}
th,td{padding-right:.55rem}
pre{white-space:pre-wrap;overflow-wrap:anywhere}
ul:not(.sheet){padding-left:1.2rem}
}
summary{cursor:pointer;margin-bottom:.6rem}
.sortable th button{all:unset;cursor:pointer;font-weight:600;text-decoration:underline dotted;text-underline-offset:3px}
.sortable th button:focus-visible,.legend button:focus-visible{outline:2px solid var(--test);outline-offset:2px}
.sortable th[aria-sort=ascending] button::after{content:" \\2191"}
.sortable th[aria-sort=descending] button::after{content:" \\2193"}
.sortable .base th,.sortable .base td{font-weight:600}
.sortable th:first-child{text-align:left;white-space:nowrap}
.legend{display:flex;flex-wrap:wrap;gap:.35rem 1.1rem;margin:0 0 1rem;padding:0;border:0;font-size:.9rem}
.legend label{display:inline-flex;align-items:center;gap:.4rem;cursor:pointer}
.legend i{display:inline-block;width:1.6rem;height:0;border-top:3px solid}
.legend button{font:inherit;color:inherit;background:var(--page);border:1px solid var(--grid);border-radius:5px;padding:.1em .7em;cursor:pointer}
.wide svg{max-width:720px}
@media print{
:root{--page:#fff}
@page{margin:14mm}
body{font-size:10pt}
main{max-width:none;padding:0}
header,section{border:0;padding:0;margin:0 0 8mm}
h2{break-after:avoid}
figure,tr,.sheet li,.figures{break-inside:avoid}
*{print-color-adjust:exact;-webkit-print-color-adjust:exact}
.scroll{overflow:visible;background:none}
.plots{grid-template-columns:1fr 1fr;gap:6mm}
.columns{grid-template-columns:1fr 1fr;gap:6mm}
.wide-left{grid-template-columns:1fr}
.numbers th,.numbers td{padding-left:.6rem;white-space:normal}
.numbers{font-size:7.5pt}
.course th,.course td{padding-left:.45rem;font-size:7.5pt}
figure.matrix svg{min-width:0}
.wide svg{max-width:480px}
.scrolls>.hint,.scrolls::after{display:none}
table{font-size:8.5pt;min-width:0}
th,td{padding-top:.2rem;padding-bottom:.2rem}
.sheet{grid-template-columns:repeat(5,1fr);gap:4mm}
.sheet img{width:24mm}
pre{white-space:pre-wrap;overflow-wrap:anywhere}
.provenance td:last-child{overflow-wrap:anywhere;font-size:7pt}
}
`;
