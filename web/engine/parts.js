// The parts of a face, and of what is around it, that a skin's tone is told from, as
// illures_nb/tone.py draws them: maps of 0 and 1.
import {filledHard, hull} from "./draw.js"
import {distance, mean} from "./points.js"

// how far the eyes are apart, and the way from chin to nose, of length 1
export function measures(p) {
  const [x, y] = [p[27][0] - p[8][0], p[27][1] - p[8][1]]
  const length = Math.max(Math.hypot(x, y), 1e-6)
  return {apart: distance(p[45], p[36]), up: [x / length, y / length]}
}

const along = ([x, y], [a, b], way) => [x + way * a, y + way * b]

// ---- shapes

// any of some maps
function union(...maps) {
  return maps[0].map((_, k) => (maps.some(map => map[k]) ? 1 : 0))
}

const without = (map, ...others) => map.map((v, k) => (others.some(one => one[k]) ? 0 : v))

const polygons = (size, ...outlines) =>
  union(new Uint8Array(size * size), ...outlines.map(points => filledHard(points, size)))

// discs, each [middle, radius]
function discs(size, ...all) {
  const out = new Uint8Array(size * size)
  for (const [middle, length] of all) {
    const [x, y] = middle.map(v => Math.round(v))
    const radius = Math.max(1, Math.round(length))
    for (let j = Math.max(0, y - radius); j <= Math.min(size - 1, y + radius); j++) {
      for (let i = Math.max(0, x - radius); i <= Math.min(size - 1, x + radius); i++) {
        if ((i - x) ** 2 + (j - y) ** 2 <= radius ** 2) out[j * size + i] = 1
      }
    }
  }
  return out
}

// ---- the face

function cheeks(p, size) {
  const {apart} = measures(p)
  const place = (jaw, nose) => p[nose].map((v, c) => 0.6 * v + 0.4 * p[jaw][c])
  return discs(size, [place(3, 31), 0.12 * apart], [place(13, 35), 0.12 * apart])
}

function forehead(p, size) {
  const {apart, up} = measures(p)
  const middle = along(mean(p.slice(17, 27)), up, 0.28 * apart)
  const aside = p[26].map((v, c) => (0.22 * (v - p[17][c])) / 1.6)
  return discs(size, ...[-1, 0, 1].map(way => [along(middle, aside, way), 0.11 * apart]))
}

function brows(p, size) {
  const {apart} = measures(p)
  const between = Array.from({length: 9}, (_, k) => mean([p[17 + k], p[18 + k]]))
  const places = [...p.slice(17, 27), ...between].filter((_, k) => k !== 14)
  return discs(size, ...places.map(at => [at, 0.05 * apart]))
}

export function faceParts(p, size) {
  const {apart, up} = measures(p)
  const eyes = polygons(size, p.slice(36, 42), p.slice(42, 48))
  const mouth = polygons(size, p.slice(60, 68))
  const lips = without(polygons(size, p.slice(48, 60)), mouth)
  const brow = brows(p, size)
  const inside = without(polygons(size, p.slice(1, 16)), eyes, brow, lips, mouth)
  const nose = discs(size, [p[30], 0.1 * apart], [p[29], 0.06 * apart], [p[28], 0.05 * apart])
  const temples = [17, 26].map(k => [along(p[k], up, -0.12 * apart), 0.05 * apart])
  const [cheek, front] = [cheeks(p, size), forehead(p, size)]
  return {
    cheeks: cheek,
    forehead: front,
    eyes,
    brows: brow,
    lips,
    mouth,
    nose,
    nostrils: discs(size, [p[32], 0.04 * apart], [p[34], 0.04 * apart]),
    chin: discs(size, [mean([p[8], p[57]]), 0.08 * apart]),
    temples: discs(size, ...temples),
    skin: union(cheek, front, nose, inside),
  }
}

// ---- what is around it

export function personParts(p, matte, size) {
  const {apart, up} = measures(p)
  const lifted = p.slice(17, 27).map(q => along(q, up, 0.3 * apart))
  const face = polygons(size, hull([...p.slice(0, 17), ...lifted]))
  const person = matte.map((v, k) => (v > 0.9 && !face[k] ? 1 : 0))
  const down = p[8].map((v, c) => v - p[27][c])
  const jaw = p.slice(5, 12)
  const below = share => jaw.map(q => along(q, down, share))
  const neck = polygons(size, [...below(0.1), ...below(0.45).reverse()])
  const brow = mean(p.slice(17, 27))[1]
  const chest = p[8][1] + 0.7 * Math.abs(down[1])
  const where = wanted => person.map((v, k) => (v && wanted(Math.floor(k / size)) ? 1 : 0))
  return {
    hair: where(row => row < brow),
    beside: where(row => row >= brow && row <= p[8][1]),
    neck: person.map((v, k) => (v && neck[k] ? 1 : 0)),
    clothes: where(row => row > chest),
    behind: matte.map(v => (v < 0.05 ? 1 : 0)),
    everything: matte.map(() => 1),
  }
}
