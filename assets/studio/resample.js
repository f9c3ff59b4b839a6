// What both compositors know of paint that is finer than the view, and of light that is hardly
// there.

export const OFFSET = 0.02 // added to what is multiplied, as illures_nb/recompose.py does
export const DARKEST = 0.02 // shading that is everywhere, as illures_nb/relight.py has it

// Paint has a finer grid than the view: what lies under a pixel is averaged by a Gaussian as wide
// as `on_photo`'s, `sigma` crop px, from `looks` places on each side that are `apart` sigma from
// one another
export function softly(M, size, ratio) {
  const scale = Math.hypot(M[0][0], M[1][0])
  const texels = ratio ? (scale * ratio.size) / size : 0 // crop px, and texels, of a pixel
  if (texels <= 1) return {looks: 0, sigma: 0, apart: 0}
  const looks = texels < 2 ? 1 : 2
  return {
    looks,
    sigma: (0.5 * Math.sqrt(texels * texels - 1) * size) / ratio.size,
    apart: looks === 1 ? Math.sqrt(3) : 1,
  }
}
