// Colours of the map: of labels ones that stay apart for colour-blind eyes (Tol 2021), of numbers viridis.
const LABELS = {
  light: [
    "#332288",
    "#b8860b",
    "#117733",
    "#cc6677",
    "#3a93c4",
    "#882255",
    "#2f9285",
    "#7a7a24",
    "#aa4499",
    "#555555",
  ],
  dark: [
    "#8fa5ff",
    "#eedd88",
    "#6fcf8f",
    "#ff9aa8",
    "#77ccff",
    "#ee8fc0",
    "#66ddcc",
    "#cccc66",
    "#e09ae0",
    "#bbbbbb",
  ],
};
const VIRIDIS = [
  "#440154",
  "#482878",
  "#3e4a89",
  "#31688e",
  "#26828e",
  "#1f9e89",
  "#35b779",
  "#6ece58",
  "#b5de2b",
  "#fde725",
];

/** The colour of a label by its place. */
export function labelColor(place, theme) {
  const colors = LABELS[theme];
  return colors[place % colors.length];
}

/** Steps of a scale from low to high. */
export function scaleColors(theme) {
  return theme === "dark" ? VIRIDIS.slice(2) : VIRIDIS.slice(0, 9);
}

/** What the map needs to colour points by a column: a value for each, and a list of colours. */
export function colorsOf(column, count, theme) {
  if (!column)
    return {
      values: new Float32Array(count),
      colors: [theme === "dark" ? "#7cacf8" : "#2b62b5"],
      kind: "none",
    };
  if (column.kind === "labels") {
    const colors = column.labels.map((_, i) => labelColor(i, theme));
    return { values: Float32Array.from(column.codes), colors, kind: "labels", labels: column.labels };
  }
  const numbers = column.numbers;
  const known = numbers.filter((v) => Number.isFinite(v));
  const sorted = Float32Array.from(known).sort();
  const low = sorted[Math.floor(0.01 * (sorted.length - 1))];
  const high = sorted[Math.ceil(0.99 * (sorted.length - 1))];
  const colors = scaleColors(theme);
  const values = numbers.map((v) =>
    Number.isFinite(v)
      ? Math.min(colors.length - 1, Math.max(0, Math.floor(((v - low) / (high - low || 1)) * colors.length)))
      : 0,
  );
  return { values, colors, kind: "numbers", low, high };
}
