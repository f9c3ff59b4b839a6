// The surface that normals belong to, by weighted least squares, as illures_nb/surface.py: maps of
// N² pixels, N even.

const STEEPEST = 4 // rise of depth from pixel to pixel where the surface turns away
const ACCURACY = 1e-4 // relative, of the solution

// ---- the cosine transform, by its matrix

const matrices = new Map() // N → rows of cosines, orthonormal; and the same turned over

function cosines(n) {
  if (!matrices.has(n)) {
    const [rows, columns] = [new Float64Array(n * n), new Float64Array(n * n)]
    for (let k = 0; k < n; k++) {
      const norm = Math.sqrt((k ? 2 : 1) / n)
      for (let i = 0; i < n; i++) {
        const v = norm * Math.cos((Math.PI * (i + 0.5) * k) / n)
        rows[k * n + i] = v
        columns[i * n + k] = v
      }
    }
    matrices.set(n, [rows, columns])
  }
  return matrices.get(n)
}

// A·B, of N² numbers each
function product(A, B, n) {
  const out = new Float64Array(n * n)
  for (let i = 0; i < n; i++) {
    const o = i * n
    for (let k = 0; k < n; k++) {
      const v = A[o + k]
      const b = k * n
      for (let j = 0; j < n; j++) out[o + j] += v * B[b + j]
    }
  }
  return out
}

// what solves Δz = -r on a square with weights of 1, the constant left out
function poisson(r, n) {
  const [C, T] = cosines(n)
  const spectrum = product(product(C, r, n), T, n)
  const second = k => 2 - 2 * Math.cos((Math.PI * k) / n)
  const seconds = Float64Array.from({length: n}, (_, k) => second(k))
  for (let i = 0, p = 0; i < n; i++) {
    for (let j = 0; j < n; j++, p++) {
      spectrum[p] = p ? spectrum[p] / (seconds[i] + seconds[j]) : 0
    }
  }
  return product(product(T, spectrum, n), C, n)
}

// ---- differences between neighbours

// of two pixels' normals, added: how much nearer the second is along an axis
function rise(normals, p, q, axis) {
  const [x, y, z] = [0, 1, 2].map(c => normals[3 * p + c] + normals[3 * q + c])
  return [x, y][axis] / Math.max(z, Math.hypot(x, y) / STEEPEST + 1e-6)
}

// calls with every pair of neighbours, right ones and lower ones: (first, second, axis)
function eachPair(n, does) {
  for (let p = 0; p < n * n; p++) {
    if (p % n < n - 1) does(p, p + 1, 0)
    if (p < n * (n - 1)) does(p, p + n, 1)
  }
}

// what flows into each pixel less what flows out
function gathered(n, flow) {
  const out = new Float64Array(n * n)
  eachPair(n, (p, q, axis) => {
    const v = flow(p, q, axis)
    out[q] += v
    out[p] -= v
  })
  return out
}

// ---- all of it

function inner(a, b) {
  let sum = 0
  for (let k = 0; k < a.length; k++) sum += a[k] * b[k]
  return sum
}

function conjugateGradients(matrix, b, solve) {
  const x = new Float64Array(b.length)
  const residual = Float64Array.from(b)
  let solved = solve(residual)
  const step = Float64Array.from(solved)
  let error = inner(residual, solved)
  const least = ACCURACY ** 2 * error
  while (error > least) {
    const image = matrix(step)
    const length = error / inner(step, image)
    for (let k = 0; k < x.length; k++) {
      x[k] += length * step[k]
      residual[k] -= length * image[k]
    }
    solved = solve(residual)
    const last = error
    error = inner(residual, solved)
    for (let k = 0; k < x.length; k++) step[k] = solved[k] + (error / last) * step[k]
  }
  return x
}

// (N²·3) unit normals, (N²) weights → (N²) depth towards the viewer in pixels, mean 0 by the
// weights; 0 where they are 0
export function integrate(normals, weights, n) {
  const between = (p, q) => Math.min(weights[p], weights[q])
  const matrix = z => gathered(n, (p, q) => between(p, q) * (z[q] - z[p]))
  const solve = r => poisson(r, n).map((v, p) => (weights[p] > 0 ? v : 0))
  const wanted = gathered(n, (p, q, axis) => {
    const up = rise(normals, p, q, axis)
    return between(p, q) * (axis ? up : -up)
  })
  const z = conjugateGradients(matrix, wanted, solve)
  const total = weights.reduce((sum, v) => sum + v, 0)
  const middle = inner(z, weights) / Math.max(total, 1e-9)
  return Float32Array.from(z, (v, p) => (weights[p] > 0 ? v - middle : 0))
}
