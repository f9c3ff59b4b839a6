// Polygons filled on square maps, with soft borders as OpenCV draws them, and their hulls.

// how full a pixel is whose middle lies so far outside, from eighth to eighth of a pixel; measured
const BORDER = [0.96, 0.91, 0.86, 0.78, 0.68, 0.55, 0.42, 0.31, 0.2, 0.13, 0.07, 0.04, 0.015, 0]
const REACH = (BORDER.length - 1) / 8 // px

function softness(outside) {
  const place = outside * 8
  const k = Math.floor(place)
  if (k >= BORDER.length - 1) return 0
  return BORDER[k] + (place - k) * (BORDER[k + 1] - BORDER[k])
}

// where each edge begins, the way along it, and that way's square
function edgesOf(points) {
  return points.map(([x, y], k) => {
    const [bx, by] = points[(k + 1) % points.length]
    const [dx, dy] = [bx - x, by - y]
    return {x, y, dx, dy, square: dx * dx + dy * dy || 1}
  })
}

// whether a ray to the right crosses an odd number of edges
function isWithin(x, y, edges) {
  let odd = false
  for (let k = 0; k < edges.length; k++) {
    const e = edges[k]
    const crosses = e.y > y !== e.y + e.dy > y
    if (crosses && x < e.x + ((y - e.y) * e.dx) / e.dy) odd = !odd
  }
  return odd
}

// to the nearest edge
function distanceTo(x, y, edges) {
  let least = Infinity
  for (let k = 0; k < edges.length; k++) {
    const e = edges[k]
    const along = ((x - e.x) * e.dx + (y - e.y) * e.dy) / e.square
    const t = along < 0 ? 0 : along > 1 ? 1 : along
    const right = x - e.x - t * e.dx
    const down = y - e.y - t * e.dy
    least = Math.min(least, right * right + down * down)
  }
  return Math.sqrt(least)
}

// rows or columns of a map that points reach
function spanOf(values, size) {
  const low = Math.max(0, Math.floor(Math.min(...values) - REACH))
  return [low, Math.min(size - 1, Math.ceil(Math.max(...values) + REACH))]
}

// (size²) from 0 to 1, 1 within; `steps` of a pixel that corners are rounded to
export function filled(points, size, steps = 16) {
  const near = v => Math.min(16 * size, Math.max(-8 * size, v))
  const corners = points.map(p => p.map(v => Math.round(near(v) * steps) / steps))
  const edges = edgesOf(corners)
  const out = new Float32Array(size * size)
  const [left, right] = spanOf(corners.map(([x]) => x), size)
  const [top, bottom] = spanOf(corners.map(([, y]) => y), size)
  for (let y = top; y <= bottom; y++) {
    for (let x = left; x <= right; x++) {
      const inside = isWithin(x, y, edges)
      out[y * size + x] = inside ? 1 : softness(distanceTo(x, y, edges))
    }
  }
  return out
}

// ---- without soft borders

// whole pixels from one corner to another
function drawLine(out, size, [ax, ay], [bx, by]) {
  const steps = Math.max(Math.abs(bx - ax), Math.abs(by - ay), 1)
  for (let k = 0; k <= steps; k++) {
    const x = Math.floor(ax + ((bx - ax) * k) / steps + 0.5)
    const y = Math.floor(ay + ((by - ay) * k) / steps + 0.5)
    if (x >= 0 && y >= 0 && x < size && y < size) out[y * size + x] = 1
  }
}

// (size²) of 0 and 1: pixels whose middle is within, and those of the edges; corners are rounded
// to eighths, those of edges to whole pixels
export function filledHard(points, size) {
  const eighth = v => Math.round(Math.min(16 * size, Math.max(-8 * size, v)) * 8) / 8
  const corners = points.map(p => p.map(eighth))
  const edges = edgesOf(corners)
  const out = new Uint8Array(size * size)
  const [left, right] = spanOf(corners.map(([x]) => x), size)
  const [top, bottom] = spanOf(corners.map(([, y]) => y), size)
  for (let y = top; y <= bottom; y++) {
    for (let x = left; x <= right; x++) if (isWithin(x, y, edges)) out[y * size + x] = 1
  }
  const whole = corners.map(p => p.map(v => Math.floor(v + 0.5)))
  whole.forEach((from, k) => drawLine(out, size, from, whole[(k + 1) % whole.length]))
  return out
}

// points of the convex hull, in turn
export function hull(points) {
  const sorted = [...points].sort(([a, b], [c, d]) => a - c || b - d)
  const turns = ([a, b], [c, d], [e, f]) => (c - a) * (f - b) - (d - b) * (e - a)
  const half = list => {
    const chain = []
    for (const p of list) {
      while (chain.length > 1 && turns(chain.at(-2), chain.at(-1), p) <= 0) chain.pop()
      chain.push(p)
    }
    return chain.slice(0, -1)
  }
  return [...half(sorted), ...half(sorted.reverse())]
}
