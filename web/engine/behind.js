// The lamps and the fill behind nine numbers a colour, as `lamps_behind` of illures_nb/lamps.py:
// those that shade a ball most like them.
import {LUMINANCE, basis} from "../studio/sh.js"

const LAMBERT = [0, 1, 1, 1, 2, 2, 2, 2, 2].map(l => [1, 2 / 3, 1 / 4][l] * Math.PI)
const SOFTEST = [0.12, 0.8] // least and most softness of a lamp
const WORTH = 0.15 // a lamp must explain the square of this, as a share of the light's energy
const MOST = 2 // lamps

// directions spread evenly over the sphere
function spiral(count) {
  return Array.from({length: count}, (_, k) => {
    const i = k + 0.5
    const y = 1 - (2 * i) / count
    const turn = Math.PI * (1 + Math.sqrt(5)) * i
    const r = Math.sqrt(1 - y * y)
    return [r * Math.cos(turn), y, r * Math.sin(turn)]
  })
}

const dot = (a, b) => {
  let sum = 0
  for (let k = 0; k < a.length; k++) sum += a[k] * b[k]
  return sum
}

const PLACES = spiral(1000).filter(([, , z]) => z > -0.5) // where lamps are tried
const FACING = spiral(400).filter(([, , z]) => z > -0.4) // normals at which shadings are compared
const TRUST = Float64Array.from(FACING, ([, , z]) => (z > 0 ? 1 : 0.4)) // the camera sees those
const ARRIVES = PLACES.map(place =>
  Float64Array.from(FACING, (n, k) => TRUST[k] * Math.max(dot(n, place), 0)),
)

// ---- least squares without negative unknowns

// x with A·x = b for a few unknowns, by elimination
function solved(A, b) {
  const n = b.length
  const rows = A.map((row, i) => [...row, b[i]])
  for (let i = 0; i < n; i++) {
    for (let j = i + 1; j < n; j++) {
      const k = rows[j][i] / rows[i][i]
      for (let c = i; c <= n; c++) rows[j][c] -= k * rows[i][c]
    }
  }
  const x = new Array(n).fill(0)
  for (let i = n - 1; i >= 0; i--) {
    const known = x.reduce((sum, v, k) => sum + (k > i ? rows[i][k] * v : 0), 0)
    x[i] = (rows[i][n] - known) / rows[i][i]
  }
  return x
}

function fitPositive(columns, target) {
  const unknowns = columns.map(() => 0)
  let there = columns.map((_, k) => k)
  while (there.length) {
    const chosen = there.map(k => columns[k])
    const gram = chosen.map((a, i) => chosen.map((b, j) => dot(a, b) + (i === j ? 1e-9 : 0)))
    const found = solved(gram, chosen.map(a => dot(a, target)))
    const least = Math.min(...found)
    if (least >= 0) {
      there.forEach((k, i) => {
        unknowns[k] = found[i]
      })
      break
    }
    there = there.filter((_, i) => i !== found.indexOf(least))
  }
  return unknowns
}

// of each colour, the strength of each column
const strengths = (columns, colours) => colours.map(target => fitPositive(columns, target))

// the energy that columns leave unexplained
function left(columns, colours) {
  return strengths(columns, colours).reduce((sum, found, c) => {
    const rest = colours[c].map((v, p) =>
      found.reduce((value, strength, k) => value - strength * columns[k][p], v),
    )
    return sum + dot(rest, rest)
  }, 0)
}

// ---- where the lamps are

// what of a column is at right angles to others, which are so among themselves
function beyond(column, others) {
  const out = Float64Array.from(column)
  for (const other of others) {
    const share = dot(column, other)
    for (let k = 0; k < out.length; k++) out[k] -= share * other[k]
  }
  return out
}

function orthonormal(columns) {
  const found = []
  for (const column of columns) {
    const rest = beyond(column, found)
    const length = Math.sqrt(dot(rest, rest))
    found.push(rest.map(v => v / length))
  }
  return found
}

// the place whose lamp, added to those there are, explains most
function bestNext(columns, colours) {
  const others = orthonormal(columns)
  const missing = colours.map(target => beyond(target, others))
  const promises = ARRIVES.map(arrives => {
    const only = beyond(arrives, others) // what the new lamp alone can explain
    const length = Math.max(Math.sqrt(dot(only, only)), 1e-6)
    return missing.reduce((sum, m) => sum + Math.max(dot(m, only) / length, 0) ** 2, 0)
  })
  return promises.indexOf(Math.max(...promises))
}

function findPlaces(colours) {
  const energy = colours.reduce((sum, c) => sum + dot(c, c), 0)
  const places = []
  let columns = [TRUST]
  let rest = left(columns, colours)
  for (let k = 0; k < MOST; k++) {
    const place = bestNext(columns, colours)
    const more = [...columns, ARRIVES[place]]
    const leaves = left(more, colours)
    if (rest - leaves <= WORTH ** 2 * energy) break
    columns = more
    rest = leaves
    places.push(place)
  }
  return places
}

// ---- how large they are

// how the second order of a light fades beside its first, towards its lamp
function softnessBehind(grey, direction) {
  const terms = basis(...direction)
  const ratio = column => {
    const first = dot(terms.slice(1, 4), column.slice(1, 4))
    return dot(terms.slice(4), column.slice(4)) / Math.max(first, 1e-6)
  }
  const bare = ratio(terms.map((v, i) => v / LAMBERT[i]))
  const cosine = Math.min(1, Math.max(0, ratio(grey) / bare))
  const softness = Math.acos(cosine) / (Math.PI / 2)
  return Math.min(SOFTEST[1], Math.max(SOFTEST[0], softness))
}

// 27 numbers → {lamps, fill}, as files hold them
export function lampsBehind(coeffs) {
  const terms = FACING.map(n => basis(...n))
  const column = c => Array.from({length: 9}, (_, i) => coeffs[3 * i + c])
  const columns = [0, 1, 2].map(column)
  const colours = columns.map(numbers =>
    Float64Array.from(terms, (t, k) => TRUST[k] * Math.max(dot(t, numbers), 0)),
  )
  const places = findPlaces(colours)
  const found = strengths([TRUST, ...places.map(k => ARRIVES[k])], colours)
  const grey = columns[0].map((_, i) =>
    LUMINANCE.reduce((sum, w, c) => sum + w * columns[c][i], 0),
  )
  const lamps = places.map((k, at) => ({
    direction: PLACES[k],
    colour: found.map(strength => strength[at + 1]),
    softness: softnessBehind(grey, PLACES[k]),
  }))
  return {
    lamps: lamps.filter(({colour}) => Math.max(...colour) > 1e-6),
    fill: found.map(strength => strength[0]),
  }
}
