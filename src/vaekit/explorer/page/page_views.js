// What the networks make, as items that can be shown; the same as Python makes of it.

/** Values from 0 to 1, channels first, as bytes by row. */
export function pixelView(x, form, [channels, height, width]) {
  const data = new Uint8Array(channels * height * width);
  const size = height * width;
  for (let c = 0; c < channels; c += 1) {
    for (let i = 0; i < size; i += 1)
      data[i * channels + c] = Math.round(Math.min(1, Math.max(0, x[c * size + i])) * 255);
  }
  return { kind: "pixels", width, height, channels, data };
}

const rounded = (value) => (typeof value === "number" ? Number(value.toPrecision(6)) : value);

/** Where a value lies in a grid that rises or stays: the first place that is not below it. */
function placeIn(grid, value) {
  let low = 0;
  let high = grid.length - 1;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (grid[middle] < value) low = middle + 1;
    else high = middle;
  }
  return low;
}

function between(from, to, value) {
  const i = placeIn(from, value);
  if (i === 0 || typeof to[i] !== "number" || typeof to[i - 1] !== "number") return to[i];
  const share = Math.min(1, Math.max(0, (value - from[i - 1]) / (from[i] - from[i - 1] || 1)));
  return to[i - 1] + share * (to[i] - to[i - 1]);
}

/** What networks see of each value of a grid: of a step its middle. */
function middles({ steps, at }) {
  return steps ? at.map((end, i) => (i ? (end + at[i - 1]) / 2 : end)) : at;
}

function cellOf(x, column, place) {
  if ("scale" in column) return rounded(column.center + column.scale * x[place]);
  const code = Math.round(x[column.place]);
  if (column.number !== undefined && code === column.number_code) {
    const { grid } = column;
    if (grid.steps) return grid.values[placeIn(grid.at, x[column.number])];
    const value = between(grid.at, grid.values, x[column.number]);
    const whole = grid.values.every((v) => Number.isInteger(v));
    return whole ? Math.round(value) : rounded(value);
  }
  const value = column.values[code - 1];
  return value === undefined ? null : value;
}

/** A row. */
export function cardView(x, form) {
  return {
    kind: "card",
    cells: form.columns.map((column, place) => ({ name: column.name, value: cellOf(x, column, place) })),
  };
}

/** A series. */
export function lineView(x, form, [channels, steps]) {
  return {
    kind: "lines",
    channels: form.columns.slice(0, channels).map(({ name, scale, center }, c) => ({
      name,
      values: Array.from({ length: steps }, (_, i) => rounded(center + scale * x[c * steps + i])),
    })),
  };
}

/** A row of a form, as the networks see it. */
export function encodeRow(row, form, shape) {
  const x = new Float32Array(shape[0]);
  form.columns.forEach((column, place) => {
    const value = row[column.name];
    if ("scale" in column) {
      const number = Number(value);
      if (value === null || !Number.isFinite(number))
        throw new Error(`'${column.name}' must be a number; got ${value}.`);
      x[place] = (number - column.center) / column.scale;
      return;
    }
    const known = column.values.findIndex(
      (one, i) =>
        i + 1 !== column.number_code && (one === null ? value === null : String(one) === String(value)),
    );
    if (known >= 0) {
      x[column.place] = known + 1;
      return;
    }
    const number = Number(value);
    if (column.number === undefined || value === null || !Number.isFinite(number)) {
      if (value === null || column.number !== undefined) return; // as unknown, which is 0
      throw new Error(
        `'${column.name}' must be one of ${column.values
          .filter((v) => v !== null)
          .slice(0, 8)
          .join(", ")}; got ${value}.`,
      );
    }
    x[column.place] = column.number_code;
    x[column.number] = between(column.grid.values, middles(column.grid), number);
  });
  return {
    x,
    view: {
      kind: "card",
      cells: form.columns.map(({ name }) => ({
        name,
        value:
          typeof row[name] === "string" && row[name] !== "" && Number.isFinite(Number(row[name]))
            ? Number(row[name])
            : row[name],
      })),
    },
  };
}
