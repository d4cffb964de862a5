/** The only style of a report; its hash is in the report's content security policy. */
export const STYLE = `
:root{color-scheme:light dark;--bg:#f6f7f9;--card:#fff;--ink:#1b2330;--soft:#5b6676;--line:#dfe3e9;--grid:#eceff3;
--a:#2563c9;--b:#c2570c;--c:#0e7a68;--d:#8a4fbf;--good:#137a3f;--good-bg:#e3f4e9;--bad:#b3261e;--bad-bg:#fce8e6;--mid:#8a5a00;--mid-bg:#fdf1d8}
@media (prefers-color-scheme:dark){:root{--bg:#12161c;--card:#1a2029;--ink:#e6eaf0;--soft:#9aa6b6;--line:#2c3542;--grid:#252d38;
--a:#7fb0ff;--b:#ffab6b;--c:#5fd3bf;--d:#c9a2f2;--good:#6fd698;--good-bg:#16311f;--bad:#ff9a92;--bad-bg:#3a1b19;--mid:#f2c462;--mid-bg:#352a12}}
*{box-sizing:border-box}
body{margin:0;background:var(--bg);color:var(--ink);font:15px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"Noto Sans",sans-serif;font-variant-numeric:tabular-nums}
main{max-width:1120px;margin:0 auto;padding:28px 20px 64px}
header{display:flex;flex-wrap:wrap;align-items:center;gap:8px 16px;margin-bottom:6px}
h1{font-size:26px;line-height:1.2;margin:0;font-weight:650;letter-spacing:-.01em}
h2{font-size:17px;margin:36px 0 10px;font-weight:650}
h3{font-size:14px;margin:0 0 8px;font-weight:600}
p{margin:0 0 10px}
.soft{color:var(--soft)}
.small{font-size:13px}
.badge{display:inline-block;padding:2px 12px;border-radius:999px;font-weight:650;font-size:14px;text-transform:uppercase;letter-spacing:.04em}
.tag{display:inline-block;min-width:4.2em;text-align:center;padding:0 8px;border-radius:6px;font-weight:600;font-size:12.5px;line-height:20px}
.good{color:var(--good);background:var(--good-bg)}
.bad{color:var(--bad);background:var(--bad-bg)}
.mid{color:var(--mid);background:var(--mid-bg)}
.reasons{margin:12px 0 0;padding:10px 16px 10px 32px;border-radius:10px;background:var(--card);border:1px solid var(--line)}
.cards{display:grid;grid-template-columns:repeat(auto-fit,minmax(148px,1fr));gap:10px;margin:18px 0 0}
.card{background:var(--card);border:1px solid var(--line);border-radius:10px;padding:12px 14px}
.card b{display:block;font-size:22px;line-height:1.25;font-weight:650}
.card span{color:var(--soft);font-size:13px}
.panel{margin:0;background:var(--card);border:1px solid var(--line);border-radius:10px;padding:14px 16px;margin-bottom:12px}
.two{display:grid;grid-template-columns:repeat(auto-fit,minmax(440px,1fr));gap:12px}
.two .panel{margin-bottom:0}
td:has(.tag){width:1%;padding-right:4px}
figure{margin:0}
.scroll{overflow-x:auto}
table{border-collapse:collapse;width:100%;font-size:14px}
th{font-weight:600;color:var(--soft);text-align:right;white-space:nowrap;padding:5px 8px;border-bottom:1px solid var(--line)}
td{text-align:right;padding:5px 8px;border-bottom:1px solid var(--grid);white-space:nowrap}
tr:last-child td{border-bottom:0}
th:first-child,td:first-child,.left{text-align:left}
td.left{white-space:normal}
td.kind{min-width:12em}
.weak{color:var(--soft);font-style:italic}
.group td{font-weight:600;color:var(--soft);padding-top:12px;font-size:12.5px;text-transform:uppercase;letter-spacing:.05em}
svg{display:block;width:100%;height:auto;font:12px system-ui,-apple-system,"Segoe UI",Roboto,sans-serif}
svg text{fill:var(--soft)}
svg .value{fill:var(--ink)}
.grid{stroke:var(--grid);stroke-width:1}
.axis{stroke:var(--line);stroke-width:1}
.line{fill:none;stroke-width:2;stroke-linejoin:round;stroke-linecap:round}
.area{opacity:.14;stroke:none}
.sa{stroke:var(--a)}.sb{stroke:var(--b)}.sc{stroke:var(--c)}.sd{stroke:var(--d)}
.fa{fill:var(--a)}.fb{fill:var(--b)}.fc{fill:var(--c)}.fd{fill:var(--d)}.fbad{fill:var(--bad)}.fline{fill:var(--line)}
.sbad{stroke:var(--bad)}
.dash{stroke-dasharray:5 4}
.legend{display:flex;flex-wrap:wrap;gap:4px 16px;font-size:13px;color:var(--soft);margin:0 0 4px}
.key{display:inline-block;width:14px;height:3px;border-radius:2px;vertical-align:middle;margin-right:6px}
.ka{background:var(--a)}.kb{background:var(--b)}.kc{background:var(--c)}.kd{background:var(--d)}.kbad{background:var(--bad)}
footer{margin-top:40px;color:var(--soft);font-size:13px}
@media (max-width:520px){.two{grid-template-columns:1fr}main{padding:18px 12px 40px}.panel{overflow-x:auto}svg{min-width:460px}svg.wide{min-width:760px}td.kind{min-width:10em}}
@media print{:root{--bg:#fff}main{max-width:none;padding:0}.panel,.card{break-inside:avoid}}
`;
