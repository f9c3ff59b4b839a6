// The compositor by WebGL: a fragment shader repeats `change` and `apply_gain` of
// illures_nb/recompose.py.
import {OFFSET, softly} from "./resample.js"

const VERTEX = `#version 300 es
in vec2 corner; void main() { gl_Position = vec4(corner, 0, 1); }`

const FRAGMENT = `#version 300 es
precision highp float; precision highp sampler2D;
uniform sampler2D photo, before;        // as it is, and with the faces drawn so far
uniform sampler2D slope, offset, reach, ratio;
uniform sampler2D matte, outerSlope, outerOffset;
uniform sampler2D cut, behind;          // the people, cut out, and what they are put before
uniform vec3 across, down;              // rows of the matrix view px → crop px
uniform vec3 matteAcross, matteDown, outerAcross, outerDown;
uniform float height, size, margin, texels, sigma, apart, matteSize, outerSize;
uniform bool relit, painted, alone, replaced, last;
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
vec3 toSrgb(vec3 v) {
  vec3 curve = 1.055*pow(max(v, 1e-5), vec3(1./2.4)) - .055;
  return mix(12.92*v, curve, step(.0031308, v));
}
vec3 paint(vec2 p) { return between(ratio, (p + .5)*texels/size - .5, texels, false).rgb; }

void main() {
  ivec2 at = ivec2(gl_FragCoord.x, height - gl_FragCoord.y);
  color = texelFetch(photo, at, 0);
  vec4 own = texelFetch(cut, at, 0);
  if (last) {
    vec3 there = toLinear(texelFetch(behind, at, 0).rgb);
    vec3 here = toLinear(texelFetch(before, ivec2(gl_FragCoord.xy), 0).rgb);
    color = vec4(toSrgb(mix(there, here, own.a)), 1);
    return;
  }
  if (!relit) {
    if (replaced) color = vec4(own.rgb, 1);
    return;
  }
  vec3 here = vec3(at, 1);
  vec2 p = vec2(dot(across, here), dot(down, here));
  float feather = max(between(reach, p + margin, size + 2.*margin, true).r - .01, 0.)/.99;
  vec3 rgb = floor(color.rgb*255. + .5);
  float grey = floor(dot(rgb, vec3(4899, 9617, 1868))/16384. + .5)/255.;
  vec4 a = between(slope, p, size, false);
  vec3 gain = a.rgb*grey + between(offset, p, size, false).rgb;
  float share = feather;
  if (!alone) {
    vec2 q = vec2(dot(matteAcross, here), dot(matteDown, here));
    vec2 line = between(matte, q, matteSize, false).rg;
    share = clamp((line.x*grey + line.y - .02)/.96, 0., 1.);
    vec2 o = vec2(dot(outerAcross, here), dot(outerDown, here));
    vec3 outer = between(outerSlope, o, outerSize, false).rgb*grey
               + between(outerOffset, o, outerSize, false).rgb;
    gain = mix(outer, gain, feather);
  }
  if (replaced) share = min(1., share/max(own.a, 1e-3));
  if (share == 0.) discard;
  vec3 light = toLinear(texelFetch(before, ivec2(gl_FragCoord.xy), 0).rgb);
  vec3 lit = light + share*(light + ${OFFSET})*(exp(gain) - 1.);
  if (painted && feather > 0.) {
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

function compiled(gl, kind, text) {
  const shader = gl.createShader(kind)
  gl.shaderSource(shader, text)
  gl.compileShader(shader)
  return shader
}

function linked(gl) {
  const program = gl.createProgram()
  gl.attachShader(program, compiled(gl, gl.VERTEX_SHADER, VERTEX))
  gl.attachShader(program, compiled(gl, gl.FRAGMENT_SHADER, FRAGMENT))
  gl.linkProgram(program)
  if (!gl.getProgramParameter(program, gl.LINK_STATUS)) {
    throw new Error(gl.getProgramInfoLog(program))
  }
  return program
}

// one triangle that covers the canvas
function coverCanvas(gl, program) {
  const corner = gl.getAttribLocation(program, "corner")
  gl.bindBuffer(gl.ARRAY_BUFFER, gl.createBuffer())
  gl.bufferData(gl.ARRAY_BUFFER, new Float32Array([-1, -1, 3, -1, -1, 3]), gl.STATIC_DRAW)
  gl.enableVertexAttribArray(0)
  gl.vertexAttribPointer(corner, 2, gl.FLOAT, false, 0, 0)
}

// each has a unit of its own
const MAPS = ["slope", "offset", "reach", "ratio", "matte", "outerSlope", "outerOffset"]
const TEXTURES = ["photo", "before", "cut", "behind", ...MAPS]
const GRIDS = ["across", "down"]

export class WithWebGL {
  textures = {} // name → texture
  buffers = {} // name → numbers of two maps side by side, filled anew for each face
  sent = {} // name → what is on the card

  constructor(canvas, gl) {
    this.canvas = canvas
    this.gl = gl
    this.program = linked(gl)
    gl.useProgram(this.program)
    coverCanvas(gl, this.program)
    TEXTURES.forEach((name, unit) => gl.uniform1i(this.place(name), unit))
    gl.pixelStorei(gl.UNPACK_COLORSPACE_CONVERSION_WEBGL, gl.NONE)
  }

  place(name) {
    return this.gl.getUniformLocation(this.program, name)
  }

  // what is done with textures from now on is done with this one
  texture(name) {
    const {gl} = this
    gl.activeTexture(gl.TEXTURE0 + TEXTURES.indexOf(name))
    if (this.textures[name]) return
    this.textures[name] = gl.createTexture()
    gl.bindTexture(gl.TEXTURE_2D, this.textures[name])
    gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_MIN_FILTER, gl.NEAREST)
    gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_MAG_FILTER, gl.NEAREST)
    gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_WRAP_S, gl.CLAMP_TO_EDGE)
    gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_WRAP_T, gl.CLAMP_TO_EDGE)
  }

  floats(name, data, size, channels) {
    const {gl} = this
    this.texture(name)
    const formats = {
      1: [gl.R32F, gl.RED],
      2: [gl.RG32F, gl.RG],
      3: [gl.RGB32F, gl.RGB],
      4: [gl.RGBA32F, gl.RGBA],
    }
    const [inside, format] = formats[channels]
    gl.pixelStorei(gl.UNPACK_ALIGNMENT, 4)
    gl.texImage2D(gl.TEXTURE_2D, 0, inside, size, size, 0, format, gl.FLOAT, data)
  }

  // unless it is there already
  floatsOnce(name, version, data, size, channels) {
    if (this.sent[name] === version) return
    this.floats(name, data(), size, channels)
    this.sent[name] = version
  }

  // maps of one grid, side by side in each texel
  joined(name, size, ...maps) {
    const widths = maps.map(map => map.length / size ** 2)
    const width = widths.reduce((sum, n) => sum + n, 0)
    const length = width * size * size
    if (this.buffers[name]?.length !== length) this.buffers[name] = new Float32Array(length)
    const out = this.buffers[name]
    let first = 0
    maps.forEach((map, k) => {
      const n = widths[k]
      for (let p = 0, i = 0, o = first; p < size * size; p++, o += width) {
        for (let c = 0; c < n; c++, i++) out[o + c] = map[i]
      }
      first += n
    })
    return out
  }

  show(image) {
    const {gl, canvas} = this
    canvas.width = image.width
    canvas.height = image.height
    // the canvas has no alpha, and so has what is copied from it
    for (const name of ["photo", "before"]) this.picture(name, image, gl.RGB)
    this.putBefore(null)
  }

  picture(name, image, format) {
    const {gl} = this
    this.texture(name)
    gl.texImage2D(gl.TEXTURE_2D, 0, format, format, gl.UNSIGNED_BYTE, image)
  }

  // {cut, behind}: the people of the picture, cut out, and what they stand before; null: the
  // photo's own background
  putBefore(scene) {
    const {gl} = this
    this.scene = scene
    gl.uniform1i(this.place("replaced"), scene ? 1 : 0)
    if (!scene) return
    this.picture("cut", scene.cut, gl.RGBA)
    this.picture("behind", scene.behind, gl.RGB)
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
    if (this.scene) this.layBehind()
  }

  layBehind() {
    const {gl} = this
    gl.uniform1i(this.place("last"), 1)
    this.drawPart(0, 0, this.canvas.width, this.canvas.height)
    gl.uniform1i(this.place("last"), 0)
  }

  // a part of the canvas anew, from what is drawn there
  drawPart(x, y, width, height) {
    const {gl} = this
    this.texture("before")
    gl.copyTexSubImage2D(gl.TEXTURE_2D, 0, x, y, x, y, width, height)
    gl.scissor(x, y, width, height)
    gl.drawArrays(gl.TRIANGLES, 0, 3)
  }

  sendMaps({face, reach, ratio, gloss, matte, person}) {
    const {size} = face
    const shine = gloss ?? new Float32Array(size * size)
    this.floats("slope", this.joined("slope", size, face.slope, shine), size, 4)
    this.floats("offset", face.offset, size, 3)
    this.floatsOnce("reach", reach, () => reach.mask, reach.size, 1)
    if (ratio) this.floatsOnce("ratio", ratio.version, () => ratio.data, ratio.size, 3)
    if (!person) return
    const lines = () => this.joined("matte", matte.size, matte.slope, matte.offset)
    this.floatsOnce("matte", matte, lines, matte.size, 2)
    this.floats("outerSlope", person.slope, person.size, 3)
    this.floats("outerOffset", person.offset, person.size, 3)
  }

  // the rows of a matrix, view px → px of a map
  way(name, M) {
    const {gl} = this
    GRIDS.forEach((row, k) => {
      const place = name ? name + row[0].toUpperCase() + row.slice(1) : row
      gl.uniform3fv(this.place(place), M[k])
    })
  }

  drawFace({box, face, reach, ratio, gloss, matte, person}) {
    const {gl, canvas} = this
    const [x, y] = [box[0], canvas.height - box[3]]
    const [width, height] = [box[2] - box[0], box[3] - box[1]]
    this.sendMaps({face, reach, ratio, gloss, matte, person})
    this.way("", face.M)
    if (person) {
      this.way("matte", matte.M)
      this.way("outer", person.M)
    }
    const {looks, sigma, apart} = softly(face.M, face.size, ratio)
    const sides = {matteSize: matte?.size ?? 1, outerSize: person?.size ?? 1}
    const paint = {texels: ratio?.size ?? 1, sigma, apart}
    const numbers = {size: face.size, margin: reach.margin, ...paint, ...sides}
    for (const [name, v] of Object.entries(numbers)) gl.uniform1f(this.place(name), v)
    gl.uniform1i(this.place("looks"), looks)
    gl.uniform1i(this.place("painted"), ratio ? 1 : 0)
    gl.uniform1i(this.place("alone"), person ? 0 : 1)
    this.drawPart(x, y, width, height)
  }
}
