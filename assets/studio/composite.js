// A view of the photo with relit faces in it, as illures_nb/decompose.py's `composite`: by WebGL, or by plain loops where there is none.
// Both take faces as {M: view px → crop px, size, slope, offset: (S, S, 3), shine: (S, S), reach: {mask, size, margin}, ratio: (T, T, 3) or null, box}.
import {DECODE, encode} from "./relight.js"

const TAU = .02
const PLAIN_SIDE = 400 // without WebGL a smaller preview keeps the pace

const VERTEX = `#version 300 es
in vec2 corner; void main() { gl_Position = vec4(corner, 0, 1); }`

const FRAGMENT = `#version 300 es
precision highp float; precision highp sampler2D;
uniform sampler2D photo, slope, offset, reach, ratio;
uniform vec3 across, down;              // rows of the matrix view px → crop px
uniform float height, size, margin, texels, sigma, apart;
uniform bool relit, painted;
uniform int looks;
out vec4 color;

vec4 texel(sampler2D t, ivec2 p, int n, bool fade) {
  if (fade && (p.x < 0 || p.y < 0 || p.x >= n || p.y >= n)) return vec4(0);
  return texelFetch(t, clamp(p, 0, n - 1), 0);
}
vec4 between(sampler2D t, vec2 p, float n, bool fade) { // bilinear, texel centres at integers
  vec2 low = floor(p), f = p - low; ivec2 i = ivec2(low); int m = int(n);
  return mix(mix(texel(t, i, m, fade), texel(t, i + ivec2(1, 0), m, fade), f.x),
             mix(texel(t, i + ivec2(0, 1), m, fade), texel(t, i + ivec2(1, 1), m, fade), f.x), f.y);
}
vec3 toLinear(vec3 v) { return mix(v/12.92, pow((v + .055)/1.055, vec3(2.4)), step(.04045, v)); }
vec3 toSrgb(vec3 v) { return mix(12.92*v, 1.055*pow(max(v, 1e-5), vec3(1./2.4)) - .055, step(.0031308, v)); }
vec3 paint(vec2 p) { return between(ratio, (p + .5)*texels/size - .5, texels, false).rgb; }

void main() {
  ivec2 at = ivec2(gl_FragCoord.x, height - gl_FragCoord.y);
  color = texelFetch(photo, at, 0);
  if (!relit) return;
  vec3 here = vec3(at, 1);
  vec2 p = vec2(dot(across, here), dot(down, here));
  float feather = max(between(reach, p + margin, size + 2.*margin, true).r - .01, 0.)/.99;
  if (feather == 0.) discard;
  vec4 a = between(slope, p, size, false);
  vec3 rgb = floor(color.rgb*255. + .5), b = between(offset, p, size, false).rgb;
  float grey = floor(dot(rgb, vec3(4899, 9617, 1868))/16384. + .5)/255.;
  vec3 light = toLinear(color.rgb);
  vec3 lit = light + feather*(light + ${TAU})*(exp(a.rgb*grey + b) - 1.);
  if (painted) {
    vec4 sum = vec4(0);
    for (int i = -looks; i <= looks; i++) for (int j = -looks; j <= looks; j++) {
      vec2 d = apart*vec2(i, j);
      sum += exp(-.5*dot(d, d))*vec4(paint(p + sigma*d), 1);
    }
    vec3 r = sum.rgb/sum.a;
    lit *= 1. + feather*(r + (1. - r)*a.a - 1.);
  }
  color = vec4(toSrgb(clamp(lit, 0., 1.)), 1);
}`

class WithWebGL {
  constructor(canvas, gl) {
    Object.assign(this, {canvas, gl, textures: {}, of: new WeakMap()})
    const shader = (kind, text) => { const s = gl.createShader(kind); gl.shaderSource(s, text); gl.compileShader(s); return s }
    const program = this.program = gl.createProgram()
    gl.attachShader(program, shader(gl.VERTEX_SHADER, VERTEX))
    gl.attachShader(program, shader(gl.FRAGMENT_SHADER, FRAGMENT))
    gl.linkProgram(program)
    if (!gl.getProgramParameter(program, gl.LINK_STATUS)) throw new Error(gl.getProgramInfoLog(program))
    gl.useProgram(program)
    gl.bindBuffer(gl.ARRAY_BUFFER, gl.createBuffer())
    gl.bufferData(gl.ARRAY_BUFFER, new Float32Array([-1, -1, 3, -1, -1, 3]), gl.STATIC_DRAW)
    gl.enableVertexAttribArray(0)
    gl.vertexAttribPointer(gl.getAttribLocation(program, "corner"), 2, gl.FLOAT, false, 0, 0)
    const names = ["photo", "slope", "offset", "reach", "ratio"]
    names.forEach((name, unit) => gl.uniform1i(this.place(name), unit))
    this.unit = name => names.indexOf(name)
    gl.pixelStorei(gl.UNPACK_COLORSPACE_CONVERSION_WEBGL, gl.NONE)
  }

  place(name) { return this.gl.getUniformLocation(this.program, name) }

  texture(name) {
    const {gl} = this
    gl.activeTexture(gl.TEXTURE0 + this.unit(name))
    if (!this.textures[name]) {
      gl.bindTexture(gl.TEXTURE_2D, this.textures[name] = gl.createTexture())
      for (const k of [gl.TEXTURE_MIN_FILTER, gl.TEXTURE_MAG_FILTER]) gl.texParameteri(gl.TEXTURE_2D, k, gl.NEAREST)
      for (const k of [gl.TEXTURE_WRAP_S, gl.TEXTURE_WRAP_T]) gl.texParameteri(gl.TEXTURE_2D, k, gl.CLAMP_TO_EDGE)
    }
  }

  floats(name, data, size, channels) {
    const {gl} = this
    this.texture(name)
    const [inside, format] = channels === 1 ? [gl.R32F, gl.RED] : channels === 3 ? [gl.RGB32F, gl.RGB] : [gl.RGBA32F, gl.RGBA]
    gl.pixelStorei(gl.UNPACK_ALIGNMENT, 4)
    gl.texImage2D(gl.TEXTURE_2D, 0, inside, size, size, 0, format, gl.FLOAT, data)
  }

  show(image) {
    const {gl, canvas} = this
    canvas.width = image.width; canvas.height = image.height
    this.texture("photo")
    gl.texImage2D(gl.TEXTURE_2D, 0, gl.RGBA, gl.RGBA, gl.UNSIGNED_BYTE, image)
  }

  draw(faces) {
    const {gl, canvas} = this
    gl.viewport(0, 0, canvas.width, canvas.height)
    gl.uniform1f(this.place("height"), canvas.height)
    gl.disable(gl.SCISSOR_TEST)
    gl.uniform1i(this.place("relit"), 0)
    gl.drawArrays(gl.TRIANGLES, 0, 3)
    gl.enable(gl.SCISSOR_TEST)
    gl.uniform1i(this.place("relit"), 1)
    for (const face of faces) this.drawFace(face)
  }

  drawFace({M, size, slope, offset, shine, reach, ratio, box}) {
    const {gl, canvas} = this, four = this.four?.length === 4*size*size ? this.four : this.four = new Float32Array(4*size*size)
    for (let p = 0; p < size*size; p++) { four[4*p] = slope[3*p]; four[4*p + 1] = slope[3*p + 1]; four[4*p + 2] = slope[3*p + 2]; four[4*p + 3] = shine ? shine[p] : 0 }
    this.floats("slope", four, size, 4)
    this.floats("offset", offset, size, 3)
    this.floats("reach", reach.mask, reach.size, 1)
    if (ratio && this.ratio !== ratio.version) { this.floats("ratio", ratio.data, ratio.size, 3); this.ratio = ratio.version }
    gl.uniform3fv(this.place("across"), M[0])
    gl.uniform3fv(this.place("down"), M[1])
    const {looks, sigma, apart} = softly(M, size, ratio), numbers = {size, margin: reach.margin, texels: ratio?.size ?? 1, sigma, apart}
    gl.uniform1i(this.place("looks"), looks)
    for (const [name, v] of Object.entries(numbers)) gl.uniform1f(this.place(name), v)
    gl.uniform1i(this.place("painted"), ratio ? 1 : 0)
    gl.scissor(box[0], canvas.height - box[3], box[2] - box[0], box[3] - box[1])
    gl.drawArrays(gl.TRIANGLES, 0, 3)
  }
}

// Paint has a finer grid than the view: what lies under a pixel is averaged by a Gaussian as wide as `on_photo`'s, `sigma` crop px,
// from `looks` places on each side that are `apart` sigma from one another
function softly(M, size, ratio) {
  const scale = Math.hypot(M[0][0], M[1][0]), texels = ratio ? scale*ratio.size/size : 0 // crop px, and texels, of a pixel
  if (texels <= 1) return {looks: 0, sigma: 0, apart: 0}
  const looks = texels < 2 ? 1 : 2
  return {looks, sigma: .5*Math.sqrt(texels*texels - 1)*size/ratio.size, apart: looks === 1 ? Math.sqrt(3) : 1}
}

class Plain {
  constructor(canvas) { Object.assign(this, {canvas, context: canvas.getContext("2d", {alpha: false}), known: new WeakMap()}) }

  show(image) {
    const k = this.shrink = Math.min(1, PLAIN_SIDE/Math.max(image.width, image.height)), {canvas} = this
    const width = canvas.width = Math.round(image.width*k), height = canvas.height = Math.round(image.height*k)
    const small = Object.assign(document.createElement("canvas"), {width, height}).getContext("2d", {willReadFrequently: true}) // the picture's own is never read
    small.imageSmoothingQuality = "high"
    small.drawImage(image, 0, 0, width, height)
    this.photo = small.getImageData(0, 0, width, height)
    this.out = small.createImageData(this.photo)
  }

  draw(faces) {
    const {photo, out} = this
    out.data.set(photo.data)
    for (const face of faces) this.drawFace(out, face)
    this.context.putImageData(out, 0, 0)
  }

  drawFace({data}, face) {
    if (!this.known.has(face.reach)) this.known.set(face.reach, this.pixels(face))
    const {size, slope, offset, shine, ratio} = face, {count, place, low, across, down, feather, grey, light, u, v} = this.known.get(face.reach)
    const row = 3*size, {looks, sigma, apart} = softly(this.shrunk(face.M), size, ratio), rgb = [1, 1, 1]
    for (let k = 0; k < count; k++) {
      const fu = across[k], fv = down[k], w00 = (1 - fu)*(1 - fv), w10 = fu*(1 - fv), w01 = (1 - fu)*fv, w11 = fu*fv
      const p = low[k], m = feather[k], g = grey[k]
      let gloss = 0
      if (ratio) {
        under(ratio, u[k], v[k], size, looks, sigma*apart, apart, rgb)
        gloss = w00*shine[p] + w10*shine[p + 1] + w01*shine[p + size] + w11*shine[p + size + 1]
      }
      for (let n = 0, j = 3*p, i = place[k], l = 3*k; n < 3; n++, i++, j++, l++) {
        const a = w00*slope[j] + w10*slope[j + 3] + w01*slope[j + row] + w11*slope[j + row + 3]
        const b = w00*offset[j] + w10*offset[j + 3] + w01*offset[j + row] + w11*offset[j + row + 3]
        let lit = light[l] + m*(light[l] + TAU)*(Math.exp(a*g + b) - 1)
        if (ratio) lit *= 1 + m*(rgb[n] + (1 - rgb[n])*gloss - 1)
        data[i] = encode(lit)
      }
    }
  }

  shrunk(M) { const k = this.shrink; return M.map(([u, v, w]) => [u/k, v/k, w + (u + v)*(.5/k - .5)]) }

  pixels({M, size, reach, box}) { // those of the face, and all about them that the light does not change
    const {data, width, height} = this.photo, k = this.shrink, [[a, b, c], [d, e, f]] = this.shrunk(M), last = size - 1
    const [x0, y0, x1, y1] = [Math.floor(box[0]*k), Math.floor(box[1]*k), Math.min(width, Math.ceil(box[2]*k)), Math.min(height, Math.ceil(box[3]*k))]
    const most = (x1 - x0)*(y1 - y0), [across, down, feather, grey, us, vs] = Array.from({length: 6}, () => new Float32Array(most))
    const place = new Int32Array(most), low = new Int32Array(most), light = new Float32Array(3*most)
    let count = 0
    for (let y = y0; y < y1; y++) for (let x = x0; x < x1; x++) {
      const u = a*x + b*y + c, v = d*x + e*y + f, m = at(reach.mask, reach.size, u + reach.margin, v + reach.margin), i = 4*(y*width + x)
      if (m <= .01) continue
      const cu = us[count] = Math.min(last, Math.max(0, u)), cv = vs[count] = Math.min(last, Math.max(0, v))
      const iu = Math.min(size - 2, cu | 0), iv = Math.min(size - 2, cv | 0)
      across[count] = cu - iu
      down[count] = cv - iv
      low[count] = iv*size + iu
      place[count] = i
      feather[count] = (m - .01)/.99
      grey[count] = ((data[i]*4899 + data[i + 1]*9617 + data[i + 2]*1868 + 8192) >> 14)/255
      for (let n = 0; n < 3; n++) light[3*count + n] = DECODE[data[i + n]]
      count++
    }
    return {count, place, low, across, down, feather, grey, light, u: us, v: vs}
  }
}

function at(mask, size, u, v) { // bilinear, 0 outside
  const i = Math.floor(u), j = Math.floor(v), fu = u - i, fv = v - j
  const get = (x, y) => x < 0 || y < 0 || x >= size || y >= size ? 0 : mask[y*size + x]
  return (get(i, j)*(1 - fu) + get(i + 1, j)*fu)*(1 - fv) + (get(i, j + 1)*(1 - fu) + get(i + 1, j + 1)*fu)*fv
}

function under({data, size: T}, u, v, size, looks, step, apart, out) { // the paint under a pixel, from its nearest texels
  let all = 0
  out.fill(0)
  for (let i = -looks; i <= looks; i++) for (let j = -looks; j <= looks; j++) {
    const w = Math.exp(-.5*apart*apart*(i*i + j*j)), x = texel(u + i*step), y = texel(v + j*step)
    all += w
    for (let n = 0; n < 3; n++) out[n] += w*data[3*(y*T + x) + n]
  }
  for (let n = 0; n < 3; n++) out[n] /= all
  function texel(p) { return Math.min(T - 1, Math.max(0, Math.round((p + .5)*T/size - .5))) }
}

function played() { // whether WebGL is missing, or played by the CPU, which is slower than plain loops
  const gl = document.createElement("canvas").getContext("webgl2", {failIfMajorPerformanceCaveat: true}), info = gl?.getExtension("WEBGL_debug_renderer_info")
  return !gl || /swiftshader|llvmpipe|softpipe|software|basic render/i.test(gl.getParameter(info ? info.UNMASKED_RENDERER_WEBGL : gl.RENDERER))
}

export function compositor(canvas) {
  const gl = !played() && canvas.getContext("webgl2", {alpha: false, antialias: false, preserveDrawingBuffer: true})
  return gl ? new WithWebGL(canvas, gl) : new Plain(canvas)
}
