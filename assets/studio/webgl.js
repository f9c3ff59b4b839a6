// The compositor by WebGL: a fragment shader repeats illures_nb/decompose.py's `composite`.
import {TAU, softly} from "./resample.js"

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
vec3 toSrgb(vec3 v) {
  vec3 curve = 1.055*pow(max(v, 1e-5), vec3(1./2.4)) - .055;
  return mix(12.92*v, curve, step(.0031308, v));
}
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

const TEXTURES = ["photo", "slope", "offset", "reach", "ratio"] // each has a unit of its own

export class WithWebGL {
  textures = {} // name → texture
  four = new Float32Array(0) // slope and shine of a face, filled anew for each
  ratio = null // version of the paint that is on the card

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
    const formats = {1: [gl.R32F, gl.RED], 3: [gl.RGB32F, gl.RGB], 4: [gl.RGBA32F, gl.RGBA]}
    const [inside, format] = formats[channels]
    gl.pixelStorei(gl.UNPACK_ALIGNMENT, 4)
    gl.texImage2D(gl.TEXTURE_2D, 0, inside, size, size, 0, format, gl.FLOAT, data)
  }

  show(image) {
    const {gl, canvas} = this
    canvas.width = image.width
    canvas.height = image.height
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

  // (S, S, 4): slope, and the share of shine
  slopeAndShine({slope, shine, size}) {
    if (this.four.length !== 4 * size * size) this.four = new Float32Array(4 * size * size)
    const {four} = this
    for (let p = 0; p < size * size; p++) {
      four[4 * p] = slope[3 * p]
      four[4 * p + 1] = slope[3 * p + 1]
      four[4 * p + 2] = slope[3 * p + 2]
      four[4 * p + 3] = shine ? shine[p] : 0
    }
    return four
  }

  sendMaps(face) {
    const {size, offset, reach, ratio} = face
    this.floats("slope", this.slopeAndShine(face), size, 4)
    this.floats("offset", offset, size, 3)
    this.floats("reach", reach.mask, reach.size, 1)
    if (!ratio || this.ratio === ratio.version) return
    this.floats("ratio", ratio.data, ratio.size, 3)
    this.ratio = ratio.version
  }

  drawFace(face) {
    const {gl, canvas} = this
    const {M, size, reach, ratio, box} = face
    this.sendMaps(face)
    gl.uniform3fv(this.place("across"), M[0])
    gl.uniform3fv(this.place("down"), M[1])
    const {looks, sigma, apart} = softly(M, size, ratio)
    const numbers = {size, margin: reach.margin, texels: ratio?.size ?? 1, sigma, apart}
    gl.uniform1i(this.place("looks"), looks)
    for (const [name, v] of Object.entries(numbers)) gl.uniform1f(this.place(name), v)
    gl.uniform1i(this.place("painted"), ratio ? 1 : 0)
    gl.scissor(box[0], canvas.height - box[3], box[2] - box[0], box[3] - box[1])
    gl.drawArrays(gl.TRIANGLES, 0, 3)
  }
}
