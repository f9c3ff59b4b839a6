// Affine ways from pixels to pixels, as two rows of three numbers.

// first B, then A
export function then(B, A) {
  return A.map(([a, b, c]) => [
    a * B[0][0] + b * B[1][0],
    a * B[0][1] + b * B[1][1],
    a * B[0][2] + b * B[1][2] + c,
  ])
}

export function inverse([[a, b, c], [d, e, f]]) {
  const k = 1 / (a * e - b * d)
  return [
    [e * k, -b * k, (b * f - c * e) * k],
    [-d * k, a * k, (c * d - a * f) * k],
  ]
}

export const moved = ([[a, b, c], [d, e, f]], [x, y]) => [a * x + b * y + c, d * x + e * y + f]

// how many pixels there a pixel here is
export const scaleOf = M => Math.hypot(M[0][0], M[1][0])
