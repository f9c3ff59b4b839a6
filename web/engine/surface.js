// The surface that normals belong to, by weighted least squares, as illures_nb/surface.py: maps of
// N² pixels, N even.

const STEEPEST = 4 // rise of depth from pixel to pixel where the surface turns away
const ACCURACY = 1e-4 // relative, of the solution

// ---- the cosine transform, by its matrix

const matrices = new Map() // N → rows of cosines, orthonormal

function cosines(n) {
  if (!matrices.has(n)) {
    const rows = new Float64Array(n * n)
    for (let k = 0; k < n; k++) {
      const norm = Math.sqrt((k ? 2 : 1) / n)
      for (let i = 0; i < n; i++) {
        rows[k * n + i] = norm * Math.cos((Math.PI * (i + 0.5) * k) / n)
      }
    }
    matrices.set(n, rows)
  }
  return matrices.get(n)
}

// A·B, or A·Bᵀ, or Aᵀ·B, of N² numbers each
function product(A, B, n, {first = false, second = false} = {}) {
  const out = new Float64Array(n * n)
  const [a, b] = [first ? [1, n] : [n, 1], second ? [1, n] : [n, 1]]
  for (let i = 0; i < n; i++) {
    for (let k = 0; k < n; k++) {
      const v = A[i * a[0] + k * a[1]]
      for (let j = 0; j < n; j++) out[i * n + j] += v * B[k * b[0] + j * b[1]]
    }
  }
  return out
}

// what solves Δz = -r on a square with weights of 1, the constant left out
function poisson(r, n) {
  const C = cosines(n)
  const spectrum = product(product(C, r, n), C, n, {second: true})
  const second = k => 2 - 2 * Math.cos((Math.PI * k) / n)
  for (let i = 0; i < n; i++) {
    for (let j = 0; j < n; j++) {
      spectrum[i * n + j] = i + j ? spectrum[i * n + j] / (second(i) + second(j)) : 0
    }
  }
  return product(product(C, spectrum, n, {first: true}), C, n)
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

const inner = (a, b) => a.reduce((sum, v, k) => sum + v * b[k], 0)

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
