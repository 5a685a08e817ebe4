// The cloud of variants, painted: each spec's own colour, and its own shape where there are few enough to see it.

const FEW = 3000; // so many are drawn as shapes
const SHAPES = ["symbolSquare", "symbolTriangle", "symbolCircle", "symbolDiamond", "symbolCross", "symbolStar"];

// A spec's mark as an SVG path about its middle; area: in square pixels.
export function shapeOf(space, area) {
  return d3
    .symbol()
    .size(area)
    .type(d3[SHAPES[space % SHAPES.length]])();
}

export function colourOf(space) {
  const name = `--space-${space % SHAPES.length}`;
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

// Paints points onto a canvas of so many pixels of the page, those of each space by its mark; where each lies comes back, x and y in turn, NaN for none.
export function paintCloud(canvas, { xs, ys, space, sx, sy, width, height, marks }) {
  const ratio = Math.max(2, devicePixelRatio || 1); // paper shows more than a screen
  canvas.width = width * ratio;
  canvas.height = height * ratio;
  const context = canvas.getContext("2d");
  context.scale(ratio, ratio);
  const many = xs.length;
  const size = many > 20000 ? 1.6 : many > FEW ? 2.2 : 4.5;
  context.globalAlpha = many > 20000 ? 0.35 : 0.6;
  const colours = marks.map(colourOf);
  const shapes = marks.length > 1 && many <= FEW ? marks.map((mark) => new Path2D(shapeOf(mark, 30))) : null;
  const at = new Float32Array(2 * many).fill(NaN);
  let last = -1;
  for (let i = 0; i < many; i++) {
    if (xs[i] !== xs[i] || ys[i] !== ys[i]) continue;
    if (space[i] !== last) context.fillStyle = colours[(last = space[i])];
    const [x, y] = [sx(xs[i]), sy(ys[i])];
    [at[2 * i], at[2 * i + 1]] = [x, y];
    if (!shapes) context.fillRect(x - size / 2, y - size / 2, size, size);
    else {
      context.translate(x, y);
      context.fill(shapes[last]);
      context.translate(-x, -y);
    }
  }
  return at;
}
