// A view of the photo with relit faces in it, as illures_nb/decompose.py's `composite`: by WebGL,
// or by plain loops where there is none. Both take faces as {M: view px → crop px, size, slope,
// offset: (S, S, 3), shine: (S, S), reach: {mask, size, margin}, ratio: (T, T, 3) or null, box}.
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
