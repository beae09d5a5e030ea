// The page: a map at the left, the item that is looked at and what can be done with it at the right.
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { Choice, Select, bytesOf, download, html, short } from "vaekit/ui.js";
import { LatentMap } from "vaekit/map.js";
import { mapColors } from "vaekit/looking.js";
import { Mix, Sample, Selection, Yours } from "vaekit/panels.js";
import { Review } from "vaekit/review.js";
import { Sliders } from "vaekit/sliders.js";
import { Tour } from "vaekit/tour.js";
import { View, asFile } from "vaekit/views.js";
import { useStore, writeAddress } from "vaekit/state.js";

/** Whether it is dark: as chosen, or as the system has it. */
function useTheme(chosen) {
  const query = useMemo(() => matchMedia("(prefers-color-scheme: dark)"), []);
  const [dark, setDark] = useState(query.matches);
  useEffect(() => {
    const changed = () => setDark(query.matches);
    query.addEventListener("change", changed);
    return () => query.removeEventListener("change", changed);
  }, []);
  return chosen === "auto" ? (dark ? "dark" : "light") : chosen;
}

/** The whole page. */
export function App({ store, actions, token, root }) {
  const state = useStore(store);
  const theme = useTheme(state.theme);
  const { info, infos } = state;
  useEffect(() => {
    root.dataset.theme = theme;
  }, [theme]);
  useEffect(() => {
    const timer = setTimeout(() => {
      if (!state.isEmbedded) history.replaceState(null, "", writeAddress(state, token));
    }, 150);
    return () => clearTimeout(timer);
  }, [
    state.tab,
    state.color,
    state.projection,
    state.mode,
    state.item,
    state.seed,
    state.temperature,
    state.theme,
    state.z,
    state.context,
  ]);
  const only = !info.can.map;
  // What is the same as before is not looked through again at each step of a slider.
  const toolbar = useMemo(
    () => html`<${Toolbar} state=${state} store=${store} actions=${actions} />`,
    [state.mode, state.color, state.projection],
  );
  const legend = useMemo(() => html`<${Legend} state=${state} theme=${theme} />`, [state.column, theme]);
  const header = useMemo(() => html`<${Header} state=${state} store=${store} />`, [state.theme]);
  return html`<div class=${`page ${only ? "only" : ""}`} onDragOver=${(event) => event.preventDefault()} onDrop=${(event) => dropped(event, info, actions)}>
    ${header}
    ${state.error ? html`<div class="error" role="alert"><p>${state.error}</p><button type="button" class="plain" aria-label="Dismiss" onClick=${() => store.set({ error: "" })}>✕</button></div>` : null}
    <main>
      ${
        only
          ? null
          : html`<section class="place" aria-label="Map">
        ${toolbar}
        <div class=${`maps ${infos.length > 1 ? "two" : ""}`}>
          ${infos.map((one, run) => html`<${Mapped} key=${run} state=${state} run=${run} theme=${theme} actions=${actions} store=${store} />`)}
        </div>
        ${legend}
      </section>`
      }
      <section class="side" aria-label="Item">
        ${only ? html`<p class="hint">This model has no latents, and so no map and no sliders: it makes items out of noise, in many steps.</p>` : html`<${Current} state=${state} actions=${actions} />`}
        <${Tabs} state=${state} store=${store} actions=${actions} />
      </section>
    </main>
    ${state.tour !== null && state.tour !== undefined ? html`<${Tour} state=${state} actions=${actions} store=${store} />` : null}
  </div>`;
}

async function dropped(event, info, actions) {
  event.preventDefault();
  const file = event.dataTransfer && event.dataTransfer.files[0];
  if (!file || !info.can.drop || info.drop !== "image") return;
  const { base64Of } = await import("vaekit/ui.js");
  actions.drop({ image: base64Of(new Uint8Array(await file.arrayBuffer())) });
}

function Header({ state, store }) {
  const { info, infos } = state;
  const [copied, setCopied] = useState(false);
  const what = info.can.map
    ? `${info.count.toLocaleString("en-US")} ${info.is_sampled ? "samples" : "items"}, ${info.latent_dim} latents`
    : "no latents";
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(location.href);
      setCopied(true);
      setTimeout(() => setCopied(false), 1500);
    } catch {
      store.set({ error: "The browser did not allow copying; take the link from the address bar." });
    }
  };
  const themes = ["auto", "light", "dark"];
  return html`<header>
    <h1>${infos.map((one) => one.name).join(" beside ")}</h1>
    <p class="quiet">${what}</p>
    <span class="space"></span>
    ${info.can.map && info.can.slide ? html`<button type="button" onClick=${() => store.set({ tour: 0 })}>Tour</button>` : null}
    ${state.isEmbedded ? null : html`<button type="button" onClick=${copy}>${copied ? "Copied" : "Copy link"}</button>`}
    <button type="button" aria-label=${`Colors: ${state.theme}. Change`} title="Light or dark" onClick=${() => store.set({ theme: themes[(themes.indexOf(state.theme) + 1) % 3] })}>${{ auto: "Auto", light: "Light", dark: "Dark" }[state.theme]}</button>
  </header>`;
}

function Toolbar({ state, store, actions }) {
  const { info, mode, color, projection } = state;
  return html`<div class="toolbar">
    <${Choice} label="What the pointer does" value=${mode} onChange=${(value) => store.set({ mode: value })}
      options=${[["point", "Point", "Click a point to see its item; drag to move, scroll to zoom"], ...(info.can.slide ? [["walk", "Walk", "Drag over the map and see what lies there"]] : []), ["lasso", "Lasso", "Draw around points"]]} />
    <span class="space"></span>
    ${info.columns.length ? html`<${Select} label="Color" value=${color} onChange=${actions.color} options=${[["", "one color"], ...info.columns.map((name) => [name, name])]} />` : null}
    ${info.projections.length > 1 ? html`<${Select} label="Map" value=${projection} onChange=${actions.layOut} options=${info.projections.map((name) => [name, { pca: "PCA", umap: "UMAP" }[name]])} />` : null}
  </div>`;
}

function Mapped({ state, run, theme, actions, store }) {
  const { infos, layouts, item } = state;
  const layout = layouts && layouts[run];
  const colors = useMemo(() => mapColors(state, theme), [state.column, theme, state.info]);
  const other = useMemo(
    () =>
      run && layout && Number.isInteger(item)
        ? Array.from(layout.points.subarray(2 * item, 2 * item + 2))
        : null,
    [run, layout, item],
  );
  return html`<figure class="mapped">
    <${LatentMap} label=${`Map of ${infos[run].name}: ${infos[run].count} items`} layout=${layout} colors=${colors} theme=${theme}
      mode=${run && state.mode === "walk" ? "point" : state.mode} place=${run ? other : state.place} selected=${state.selection}
      onPick=${actions.pick} onLasso=${actions.lasso} onWalk=${run ? () => {} : actions.walk} thumb=${actions.thumb} />
    <figcaption class="quiet">${infos.length > 1 ? html`<b>${infos[run].name}</b> ` : null}${layout ? `${layout.axes[0]} →, ${layout.axes[1]} ↑` : "…"}</figcaption>
  </figure>`;
}

function Legend({ state, theme }) {
  const { color, column } = state;
  if (!color || !column) return html`<div class="legend"></div>`;
  const { kind, colors, low, high } = mapColors(state, theme);
  if (kind === "numbers") {
    return html`<div class="legend"><span>${color}</span><span class="number">${short(low)}</span>
      <span class="scale" style=${`background:linear-gradient(90deg,${colors.join(",")})`}></span><span class="number">${short(high)}</span></div>`;
  }
  return html`<ul class="legend" aria-label=${color}>${column.labels.map((label, i) => html`<li key=${label}><i style=${`background:${colors[i]}`}></i>${label}</li>`)}</ul>`;
}

const SOURCES = {
  item: "Item",
  slider: "Changed by sliders",
  edit: "Changed along a label",
  walk: "A place on the map",
  sample: "A new sample",
  yours: "Yours",
  mix: "Between A and B",
  middle: "The middle of all items",
  cloud: "A step aside",
};

function Current({ state, actions }) {
  const { info, infos, original, shown, facts, item, source, moved, score, dropped, others = [] } = state;
  const heat = useMemo(() => (facts && facts.heat ? bytesOf(facts.heat) : null), [facts]);
  if (!shown) return html`<p class="hint" role="status">Take a point on the map.</p>`;
  const title = source === "item" ? `Item ${item}` : SOURCES[source];
  const save = async () => {
    const [name, content] = await asFile(shown);
    download(name, content);
  };
  const alone = !original || info.is_sampled;
  const lines = info.kind === "lines"; // one upon the other
  const cards = info.kind === "card" && shown.kind === "card";
  return html`<section class="current" aria-label="The item that is looked at">
    <div class="row"><h2>${title}</h2><span class="space"></span>
      ${moved && (item !== null || dropped) ? html`<button type="button" class="plain" title=${item !== null ? `Back to item ${item}` : "Back to yours"} onClick=${actions.reset}>Back</button>` : null}
      <button type="button" class="plain" onClick=${save}>Download</button></div>
    <div class=${`pair of-${info.kind}`}>
      ${alone || cards || lines ? null : html`<figure><${View} view=${original} label="original" /><figcaption>original</figcaption></figure>`}
      ${heat ? html`<figure><${View} view=${original} heat=${heat} label="where it is unusual" /><figcaption>where it is unusual</figcaption></figure>` : null}
      <figure class="made"><${View} view=${shown} reference=${alone ? null : original} marked=${facts && facts.marked} label="decoded" /><figcaption>${moved ? "decoded here" : "what the model keeps"}${lines && !alone ? ", upon the original in gray" : ""}</figcaption></figure>
      ${others.map((other, i) => html`<figure key=${i}><${View} view=${other.reconstruction} reference=${cards ? original : null} label=${`kept by ${infos[i + 1].name}`} /><figcaption>kept by ${infos[i + 1].name}</figcaption></figure>`)}
    </div>
    <${Facts} facts=${facts} score=${score} kind=${info.kind} />
  </section>`;
}

function Facts({ facts, score, kind }) {
  if (!facts) return null;
  const own =
    kind === "card" || kind === "molecule"
      ? []
      : Object.entries(facts.facts)
          .filter(([name]) => name !== "anomaly score")
          .slice(0, 6);
  const said = [
    ...own.map(([name, value]) => [name, short(value)]),
    ...(facts.score !== undefined
      ? [["anomaly score", `${short(facts.score)}${facts.flagged ? ", flagged" : ""}`]]
      : []),
    ...(score && score.log_p !== null
      ? [
          ["log p(x)", `${short(score.log_p)} nats`],
          ["more probable than", `${Math.round(100 * score.share)} % of the items`],
        ]
      : []),
  ];
  if (!said.length) return null;
  return html`<dl class="facts">${said.map(([name, value]) => html`<div key=${name}><dt>${name}</dt><dd>${value}</dd></div>`)}</dl>`;
}

function Tabs({ state, store, actions }) {
  const { info, tab } = state;
  const list = useRef(null);
  const all = [
    ["sliders", "Sliders", info.can.slide, Sliders],
    ["mix", "Mix", info.can.slide, Mix],
    ["sample", "Sample", info.can.sample, Sample],
    ["yours", "Yours", info.drop !== null, Yours],
    ["selection", "Selection", info.can.map, Selection],
    ["review", "Review", info.can.review, Review],
  ].filter(([, , can]) => can);
  const chosen = all.find(([key]) => key === tab) || all[0];
  const Panel = chosen[3];
  const onKeyDown = (event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!step) return;
    const next = (all.indexOf(chosen) + step + all.length) % all.length;
    store.set({ tab: all[next][0] });
    list.current.children[next].focus();
  };
  return html`<div class="tabs">
    <div role="tablist" aria-label="What to do" ref=${list} onKeyDown=${onKeyDown}>
      ${all.map(([key, words]) => html`<button key=${key} type="button" role="tab" id=${`tab-${key}`} aria-controls="panel" aria-selected=${chosen[0] === key ? "true" : "false"} tabindex=${chosen[0] === key ? 0 : -1} onClick=${() => store.set({ tab: key })}>${words}</button>`)}
    </div>
    <div role="tabpanel" id="panel" tabindex="0" aria-labelledby=${`tab-${chosen[0]}`}><${Panel} state=${state} store=${store} actions=${actions} /></div>
  </div>`;
}
