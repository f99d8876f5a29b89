// How the page looks: light and dark by the reader's own setting, one column on a phone, many on a wall.

export const style = `
:root{color-scheme:light dark;
--ground:#f4f5f7;--card:#fff;--line:#dfe2e8;--ink:#16191f;--soft:#5b6472;--accent:#1f5fd0;
--good:#12733a;--warn:#8a5200;--bad:#b3231b;--warn-ground:#fff4dc;--bad-ground:#fdeae8;--good-ground:#e3f4e9;--spark:#4b7bd8}
@media (prefers-color-scheme:dark){:root{
--ground:#101319;--card:#191d25;--line:#2b313c;--ink:#eceff4;--soft:#9aa4b4;--accent:#86b1ff;
--good:#63cf90;--warn:#f0b554;--bad:#ff8a80;--warn-ground:#33270f;--bad-ground:#3a1815;--good-ground:#12301f;--spark:#6f9bf0}}
*{box-sizing:border-box}
[hidden]{display:none!important}
body{margin:0;background:var(--ground);color:var(--ink);font:15px/1.4 system-ui,-apple-system,"Segoe UI",Roboto,sans-serif;
font-variant-numeric:tabular-nums;-webkit-text-size-adjust:100%}
body>*{max-width:110rem;margin-left:auto;margin-right:auto;padding-left:1rem;padding-right:1rem}
h1,h2,h3,p,ul,dl,dd{margin:0;padding:0}
ul{list-style:none}
a{color:var(--accent)}
:focus-visible{outline:2px solid var(--accent);outline-offset:2px}
.soft{color:var(--soft)}
.title{display:flex;flex-wrap:wrap;align-items:center;gap:.25rem .75rem;padding:1rem 0 .75rem}
h1{font-size:1.35rem;letter-spacing:.02em}
.pill{display:inline-flex;align-items:center;gap:.35em;padding:.1em .6em;border-radius:99px;font-weight:600;font-size:.85rem;white-space:nowrap}
.good{color:var(--good);background:var(--good-ground)}
.warn{color:var(--warn);background:var(--warn-ground)}
.bad{color:var(--bad);background:var(--bad-ground)}
.none{color:var(--soft);background:var(--ground)}
.asof{margin-left:auto;font-size:.85rem;color:var(--soft)}
.notice{padding:.6rem .9rem;border-radius:.5rem;margin-bottom:.75rem}
.notice li+li{margin-top:.2rem}
.notice li{overflow-wrap:anywhere}
.tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(10.5rem,1fr));gap:.6rem;margin:0 0 .4rem}
.tiles>div{background:var(--card);border:1px solid var(--line);border-radius:.5rem;padding:.55rem .8rem}
.tiles dt{font-size:.8rem;color:var(--soft)}
.tiles dd{font-size:1.15rem;font-weight:600}
.tiles dd+dd{font-size:.8rem;font-weight:400;color:var(--soft);overflow-wrap:anywhere}
.tiles .warn,.tiles .bad{background:none}
.bar{position:sticky;top:0;z-index:1;display:flex;flex-wrap:wrap;align-items:center;gap:.5rem 1rem;padding-top:.5rem;padding-bottom:.5rem;
background:var(--ground)}
.bar input[type=search]{flex:1 1 12rem;min-width:0;max-width:26rem;font:inherit;padding:.45rem .7rem;color:inherit;background:var(--card);
border:1px solid var(--line);border-radius:.5rem}
.bar label{display:inline-flex;align-items:center;gap:.4rem;min-height:2.2rem}
.bar button{font:inherit;color:inherit;background:var(--card);border:1px solid var(--line);border-radius:.5rem;padding:.4rem .8rem;cursor:pointer}
.lost{flex-basis:100%}
h2{font-size:.95rem;font-weight:600;color:var(--soft);margin:.7rem 0 .4rem;overflow-wrap:anywhere}
.meters{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(24rem,100%),1fr));gap:.5rem;align-items:start}
.meter{background:var(--card);border:1px solid var(--line);border-radius:.5rem;min-width:0}
.meter[open]{grid-column:1/-1}
.meter.trouble{border-left:4px solid var(--warn)}
.meter.trouble.down{border-left-color:var(--bad)}
summary{display:flex;flex-wrap:wrap;align-items:center;gap:.15rem .6rem;padding:.55rem .8rem;cursor:pointer;list-style:none}
summary::-webkit-details-marker{display:none}
summary::before{content:"";flex:none;width:.45em;height:.45em;border:solid var(--soft);border-width:0 2px 2px 0;transform:rotate(-45deg)}
[open]>summary::before{transform:rotate(45deg)}
summary:hover h3{text-decoration:underline}
h3{font-size:1rem;font-weight:600;overflow-wrap:anywhere;min-width:0;flex:0 1 auto}
.facts{margin-left:auto;display:flex;gap:.2rem .8rem;flex-wrap:wrap;justify-content:flex-end;font-size:.9rem;color:var(--soft);white-space:nowrap}
.facts b{color:var(--ink)}
.why{flex-basis:100%;font-size:.9rem;color:var(--soft);overflow-wrap:anywhere}
.metrics{display:grid;grid-template-columns:repeat(auto-fill,minmax(12rem,1fr));overflow:hidden;
border-top:1px solid var(--line);border-bottom:1px solid var(--line)}
.metrics li{padding:.45rem .8rem;min-width:0;display:flex;flex-direction:column;
border:solid var(--line);border-width:0 1px 1px 0;margin:0 -1px -1px 0}
.name{font-size:.8rem;color:var(--soft);overflow-wrap:anywhere}
.value{font-size:1.1rem;font-weight:600;overflow-wrap:anywhere}
.unit{font-size:.85rem;font-weight:400;color:var(--soft)}
.age{font-size:.75rem;color:var(--soft);white-space:nowrap}
.stale .value{color:var(--soft);font-weight:400}
.stale .age{color:var(--warn);font-weight:600}
.stale .spark{opacity:.45}
.foot{display:flex;gap:.6rem;align-items:flex-end;justify-content:space-between;margin-top:auto;min-height:1.5rem}
.spark{flex:1 1 auto;min-width:0;max-width:9rem;height:1.4rem}
.spark path{fill:none;stroke:var(--spark);stroke-width:1.5;stroke-linecap:round;stroke-linejoin:round;vector-effect:non-scaling-stroke}
.about{display:flex;flex-wrap:wrap;gap:.1rem 1.2rem;padding:.5rem .8rem;font-size:.85rem;color:var(--soft)}
.about span{overflow-wrap:anywhere}
.more{padding:.2rem .8rem .7rem}
.cut main,.cut header{opacity:.5}
footer{padding-top:1.2rem;padding-bottom:2rem;font-size:.85rem;color:var(--soft)}
@media (max-width:30rem){
body>*{padding-left:.6rem;padding-right:.6rem}
h1{font-size:1.15rem}.title{gap:.25rem .5rem;padding-top:.7rem}
.tiles{grid-template-columns:1fr 1fr;gap:.4rem}.tiles>:last-child:nth-child(odd){grid-column:1/-1}.tiles>div{padding:.4rem .6rem}.tiles dd{font-size:1rem}
.metrics{grid-template-columns:1fr 1fr}.metrics li{padding:.4rem .6rem}
.facts{margin-left:1.05rem;flex-basis:100%;justify-content:flex-start}
.bar button{display:none}.bar input[type=search]{max-width:none}}
`;
