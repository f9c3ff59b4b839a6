// Numbers about many numbers.

export function sorted(values) {
  return Float64Array.from(values).sort()
}

// of sorted values, between two of them where need be
export function quantileOf(ranked, share) {
  const at = share * (ranked.length - 1)
  const low = Math.floor(at)
  const high = Math.min(low + 1, ranked.length - 1)
  return ranked[low] + (at - low) * (ranked[high] - ranked[low])
}

export const median = values => quantileOf(sorted(values), 0.5)

export const average = values => values.reduce((sum, v) => sum + v, 0) / values.length

// the line y ≈ slope·x + offset by least squares
export function line(x, y) {
  const [mx, my] = [average(x), average(y)]
  let [both, square] = [0, 0]
  x.forEach((v, k) => {
    both += (v - mx) * (y[k] - my)
    square += (v - mx) ** 2
  })
  const slope = square ? both / square : 0
  return [slope, my - slope * mx]
}
