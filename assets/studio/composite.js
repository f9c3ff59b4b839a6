// A view of the photo with relit people in it, as illures_nb/recompose.py's `change` and
// `composite`: by WebGL, or by plain loops where there is none. Both take faces as {box, reach:
// {mask, size, margin}, face, person, matte, gloss: (S²), ratio: {data: (T, T, 3), size, version}}.
// Face, person and matte are maps as lines along the photo's edges, {M: view px → px of the map,
// size, slope, offset}; person and matte may be missing, gloss and ratio where there is no paint;
// so may tone: {skin: lines, density: R, G, B}, which paint takes from skin that is not the face's.
import {element} from "./dom.js"
import {Plain} from "./plain.js"
import {WithWebGL} from "./webgl.js"

const BY_CPU = /swiftshader|llvmpipe|softpipe|software|basic render/i

// whether WebGL is missing, or played by the CPU, which is slower than plain loops
function played() {
  const gl = element("canvas").getContext("webgl2", {failIfMajorPerformanceCaveat: true})
  if (!gl) return true
  const info = gl.getExtension("WEBGL_debug_renderer_info")
  return BY_CPU.test(gl.getParameter(info ? info.UNMASKED_RENDERER_WEBGL : gl.RENDERER))
}

const SETTINGS = {alpha: false, antialias: false, preserveDrawingBuffer: true}

export function compositor(canvas) {
  const gl = !played() && canvas.getContext("webgl2", SETTINGS)
  return gl ? new WithWebGL(canvas, gl) : new Plain(canvas)
}
