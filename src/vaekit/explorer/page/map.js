// The map: points on the graphics card, with pointing, a lasso and a walk over it.
import createScatterplot from "regl-scatterplot";
import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import { html, newest } from "vaekit/ui.js";
import { View } from "vaekit/views.js";

const MARGIN = 0.9; // of the square from -1 to 1 that the points are fitted into
const BACKGROUND = { light: "#ffffff", dark: "#15181d" };
const STEP = 0.03; // of the map's width, that an arrow key walks

/** Points fitted into the square that the drawing library wants, and the way back. */
function fitted(points, aspect) {
  const count = points.length / 2;
  const low = [Infinity, Infinity];
  const high = [-Infinity, -Infinity];
  for (let i = 0; i < points.length; i += 1) {
    const axis = i % 2;
    if (points[i] < low[axis]) low[axis] = points[i];
    if (points[i] > high[axis]) high[axis] = points[i];
  }
  const center = [(low[0] + high[0]) / 2, (low[1] + high[1]) / 2];
  const size = Math.max(high[0] - low[0], high[1] - low[1], 1e-9) / (2 * MARGIN * Math.min(1, aspect));
  const x = new Float32Array(count);
  const y = new Float32Array(count);
  for (let i = 0; i < count; i += 1) {
    x[i] = (points[2 * i] - center[0]) / size;
    y[i] = (points[2 * i + 1] - center[1]) / size;
  }
  return { x, y, center, size, count };
}

/** How big points are: smaller where there are many. */
const pointSize = (count) => (count > 50000 ? 2 : count > 10000 ? 3 : count > 2000 ? 4.5 : 6.5);

/** The straight line from the square to the screen, read off two points that lie apart. */
function toScreen(plot, fit) {
  const ends = [fit.x, fit.y].map((values) => {
    let a = 0;
    let b = 0;
    for (let i = 1; i < fit.count; i += 1) {
      if (values[i] < values[a]) a = i;
      if (values[i] > values[b]) b = i;
    }
    return [a, b];
  });
  return () =>
    [0, 1].map((axis) => {
      const [a, b] = ends[axis];
      const values = axis === 0 ? fit.x : fit.y;
      const pa = plot.getScreenPosition(a)[axis];
      const pb = plot.getScreenPosition(b)[axis];
      const slope = (pb - pa) / (values[b] - values[a] || 1);
      return { slope, start: pa - slope * values[a] };
    });
}

/** The map of one run. */
export function LatentMap({
  label,
  layout,
  colors,
  mode,
  theme,
  place,
  selected,
  current,
  onPick,
  onLasso,
  onWalk,
  onHover,
  thumb,
}) {
  const canvas = useRef(null);
  const frame = useRef(null);
  const held = useRef(null);
  const latest = useRef({});
  latest.current = { onPick, onLasso, onWalk, onHover, mode, place, thumb };
  const [failed, setFailed] = useState(false);
  const [spot, setSpot] = useState(null);
  const [hover, setHover] = useState(null);

  useEffect(() => {
    let plot;
    try {
      const { width, height } = frame.current.getBoundingClientRect();
      plot = createScatterplot({
        canvas: canvas.current,
        width,
        height,
        lassoColor: "#e07020",
        pointOutlineWidth: 1,
        pointSizeSelected: 1,
        opacityInactiveScale: 0.35,
        deselectOnDblClick: false,
      });
    } catch (error) {
      setFailed(true);
      return undefined;
    }
    held.current = { plot };
    held.current.show = newest(async (found, dyed, shade) => {
      const box = frame.current.getBoundingClientRect();
      const aspect = box.width / box.height || 1;
      const fit = fitted(found.points, aspect);
      held.current.shown = { aspect, again: () => held.current.show(found, dyed, shade) };
      Object.assign(held.current, { fit, lines: toScreen(plot, fit), quiet: true });
      plot.set({
        backgroundColor: BACKGROUND[shade],
        colorBy: "valueA",
        pointColor: dyed.colors.length > 1 ? dyed.colors : [...dyed.colors, ...dyed.colors],
        pointColorActive: shade === "dark" ? "#ffffff" : "#000000",
        pointColorHover: "#e07020",
        pointSize: pointSize(fit.count),
        opacity: fit.count > 20000 ? 0.5 : 0.85,
      });
      await plot.draw({ x: fit.x, y: fit.y, z: dyed.values }, { zDataType: "categorical" });
      if (!held.current) return;
      Object.assign(held.current, { quiet: false, isDrawn: true });
      frame.current.dataset.drawn = String(fit.count);
      moved();
    });
    const moved = () => setSpot(spotOf(held.current, latest.current.place));
    plot.subscribe("select", ({ points }) => {
      if (held.current.quiet) return;
      if (points.length === 1 && latest.current.mode === "point") latest.current.onPick(points[0]);
      else latest.current.onLasso(points);
    });
    plot.subscribe("view", moved);
    const show = newest(async (index) => {
      if (!latest.current.thumb) return;
      const view = await latest.current.thumb(index);
      if (held.current && held.current.over === index) setHover({ view, at: plot.getScreenPosition(index) });
    });
    plot.subscribe("pointOver", (index) => {
      held.current.over = index;
      show(index);
    });
    plot.subscribe("pointOut", () => {
      held.current.over = null;
      setHover(null);
    });
    const sized = new ResizeObserver(() => {
      const box = frame.current.getBoundingClientRect();
      if (box.width < 2 || box.height < 2) return;
      plot.set({ width: box.width, height: box.height });
      const { shown } = held.current;
      const isNarrow = Math.min(1, box.width / box.height);
      if (shown && Math.abs(isNarrow - Math.min(1, shown.aspect)) > 0.02) shown.again();
      moved();
    });
    sized.observe(frame.current);
    return () => {
      held.current = null;
      sized.disconnect();
      plot.destroy();
    };
  }, []);

  useEffect(() => {
    if (held.current && layout) held.current.show(layout, colors, theme);
  }, [layout, colors, theme]);

  useLayoutEffect(() => {
    if (held.current) held.current.plot.set({ mouseMode: mode === "lasso" ? "lasso" : "panZoom" });
  }, [mode]);

  useEffect(() => {
    if (!held.current || !held.current.fit) return;
    const { plot } = held.current;
    if (selected && selected.length) plot.select(selected, { preventEvent: true });
    else plot.deselect({ preventEvent: true });
  }, [selected]);

  useLayoutEffect(() => {
    if (held.current && held.current.fit) setSpot(spotOf(held.current, place));
  }, [place]);

  const walkTo = (event) => {
    const box = frame.current.getBoundingClientRect();
    const there = placeOf(held.current, [event.clientX - box.left, event.clientY - box.top]);
    if (there) onWalk(there, event.timeStamp);
  };
  const onKeyDown = (event) => {
    const step = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] }[event.key];
    if (!held.current || !held.current.fit) return;
    const { fit } = held.current;
    const from = place || fit.center;
    if (step) {
      event.preventDefault();
      const size = 2 * fit.size * STEP;
      onWalk([from[0] + step[0] * size, from[1] + step[1] * size], event.timeStamp);
    } else if (event.key === "Enter") onPick(nearest(layout.points, from));
  };

  return html`<div class="map" ref=${frame} tabindex="0" role="application" onKeyDown=${onKeyDown}
    aria-label=${`${label}. Arrow keys walk over the map, Enter takes the nearest item.`} data-mode=${mode}>
    <canvas ref=${canvas} aria-hidden="true"></canvas>
    ${
      mode === "walk"
        ? html`<div class="walker"
      onPointerDown=${(event) => {
        event.currentTarget.setPointerCapture(event.pointerId);
        walkTo(event);
      }}
      onPointerMove=${(event) => {
        if (event.buttons) walkTo(event);
      }}></div>`
        : null
    }
    ${spot ? html`<span class="spot" style=${`left:${spot[0]}px;top:${spot[1]}px`}></span>` : null}
    ${hover && hover.view ? html`<div class="hover" style=${`left:${hover.at[0]}px;top:${hover.at[1]}px`}><${View} view=${hover.view} small=${true} label="item under the pointer" /></div>` : null}
    ${failed ? html`<p class="failed">This browser has no WebGL, which the map needs; everything else works.</p>` : null}
  </div>`;
}

function spotOf(held, place) {
  if (!held || !held.isDrawn || !place) return null;
  const [x, y] = held.lines();
  const { center, size } = held.fit;
  return [
    x.start + x.slope * ((place[0] - center[0]) / size),
    y.start + y.slope * ((place[1] - center[1]) / size),
  ];
}

function placeOf(held, spot) {
  if (!held || !held.isDrawn) return null;
  const lines = held.lines();
  const { center, size } = held.fit;
  return lines.map(
    ({ start, slope }, axis) => (slope ? ((spot[axis] - start) / slope) * size : 0) + center[axis],
  );
}

/** The point nearest to a place. */
export function nearest(points, place) {
  let best = 0;
  let least = Infinity;
  for (let i = 0; i < points.length; i += 2) {
    const away = (points[i] - place[0]) ** 2 + (points[i + 1] - place[1]) ** 2;
    if (away < least) {
      least = away;
      best = i / 2;
    }
  }
  return best;
}
