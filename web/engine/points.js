// Points of a face, and the similarity that brings some points to others.
import {moved} from "../studio/affine.js"
import {INNER, TEMPLATE, VIEW, VIEW_SIZE} from "./facts.js"

export const mean = points =>
  [0, 1].map(c => points.reduce((sum, p) => sum + p[c], 0) / points.length)

export const distance = ([a, b], [c, d]) => Math.hypot(a - c, b - d)

export const movedAll = (points, M) => points.map(p => moved(M, p))

// left, top, right, bottom
export function boxAbout(points) {
  const [xs, ys] = [0, 1].map(c => points.map(p => p[c]))
  return [Math.min(...xs), Math.min(...ys), Math.max(...xs), Math.max(...ys)]
}

// the similarity that brings points closest to others, by least squares
export function similarity(from, to) {
  const [m, n] = [mean(from), mean(to)]
  let [real, imaginary, variance] = [0, 0, 0]
  from.forEach(([x, y], k) => {
    const [a, b] = [x - m[0], y - m[1]]
    const [c, d] = [to[k][0] - n[0], to[k][1] - n[1]]
    real += a * c + b * d
    imaginary += a * d - b * c
    variance += a * a + b * b
  })
  const [p, q] = [real / variance, imaginary / variance]
  return [
    [p, -q, n[0] - p * m[0] + q * m[1]],
    [q, p, n[1] - q * m[0] - p * m[1]],
  ]
}

const inner = points => INNER.map(k => points[k])

// photo px → px of the face's crop
export function cropTransform(landmarks, size) {
  const places = inner(TEMPLATE).map(p => p.map(v => v * size - 0.5))
  return similarity(inner(landmarks), places)
}

// photo px → unit square of the template
export const templateTransform = landmarks => similarity(inner(landmarks), inner(TEMPLATE))

// photo px → px of the landmark network's view; `where` some points lie in it
export function viewTransform(points, where = VIEW) {
  const all = where.length === 68
  const places = (all ? inner(where) : where).map(p => p.map(v => v * VIEW_SIZE - 0.5))
  return similarity(all ? inner(points) : points, places)
}
