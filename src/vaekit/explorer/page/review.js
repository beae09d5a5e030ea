// What a detector finds unusual: look, accept or reject, and keep the verdicts.
import { useEffect, useState } from "preact/hooks";
import { csv, download, html, short } from "vaekit/ui.js";
import { View, named } from "vaekit/views.js";

const keyOf = (info) => `vaekit-verdicts:${info.name}:${info.count}`;

/** Verdicts that were kept in this browser; none where it keeps nothing. */
function kept(info) {
  try {
    return JSON.parse(localStorage.getItem(keyOf(info)) || "{}");
  } catch {
    return {};
  }
}

function keep(info, verdicts) {
  try {
    localStorage.setItem(keyOf(info), JSON.stringify(verdicts));
  } catch {
    // A browser that keeps nothing still has the download.
  }
}

/** The panel. */
export function Review({ state, actions }) {
  const { info, item } = state;
  const [found, setFound] = useState(null);
  const [views, setViews] = useState([]);
  const [verdicts, setVerdicts] = useState(() => kept(info));
  useEffect(() => {
    actions
      .anomalies()
      .then(async (answer) => {
        setFound(answer);
        setViews(await actions.thumbsOf(answer.found.slice(0, 50).map(({ index }) => index)));
      })
      .catch(actions.tell);
  }, []);
  if (!found) return html`<p class="hint" role="status">Looking …</p>`;
  const judge = (index, verdict) => {
    const next = { ...verdicts, [index]: verdicts[index] === verdict ? "" : verdict };
    setVerdicts(next);
    keep(info, next);
    const place = found.found.findIndex((one) => one.index === index);
    if (next[index] && place + 1 < found.found.length) actions.pick(found.found[place + 1].index);
  };
  const save = () =>
    download(
      "verdicts.csv",
      csv([
        ["item", "anomaly_score", "probability", "verdict"],
        ...found.found.map(({ index, score, probability }) => [
          index,
          score,
          probability,
          verdicts[index] || "",
        ]),
      ]),
      "text/csv",
    );
  const onKeyDown = (event) => {
    const verdict = { a: "accepted", r: "rejected" }[event.key];
    if (verdict && item !== null && !event.ctrlKey && !event.metaKey) judge(item, verdict);
  };
  const done = found.found.filter(({ index }) => verdicts[index]).length;
  return html`<div class=${`review of-${info.kind}`} onKeyDown=${onKeyDown}>
    <p><b>${found.flagged}</b> of ${info.count.toLocaleString("en-US")} items are flagged, with a score above ${short(found.threshold)}. ${done ? `${done} judged.` : ""}</p>
    <p class="row"><button type="button" onClick=${save}>Download verdicts as CSV</button></p>
    <p class="hint">Keys: <kbd>A</kbd> accepts as an anomaly, <kbd>R</kbd> rejects. Verdicts are kept in this browser.</p>
    <ol class="anomalies">
      ${found.found.map(
        (
          { index, score, probability },
          i,
        ) => html`<li key=${index} class=${`${verdicts[index] || ""} ${item === index ? "current" : ""}`}>
        <button type="button" class="tile" aria-label=${named(views[i], `item ${index}, score ${short(score)}`)} aria-current=${item === index ? "true" : "false"} onClick=${() => actions.pick(index)}>
          <${View} view=${views[i]} small=${true} /></button>
        <div class="about"><b>${short(score)}</b> <span class="quiet">item ${index}, ${Math.round(100 * probability)} % sure</span>
          <div class="row">
            <button type="button" aria-pressed=${verdicts[index] === "accepted" ? "true" : "false"} onClick=${() => judge(index, "accepted")}>Accept</button>
            <button type="button" aria-pressed=${verdicts[index] === "rejected" ? "true" : "false"} onClick=${() => judge(index, "rejected")}>Reject</button>
          </div></div>
      </li>`,
      )}
    </ol>
  </div>`;
}
