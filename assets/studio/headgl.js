// A head drawn by WebGL: turned, and lit by the nine numbers of a light, as illures_nb/head/render
// does it.
import {SCALE} from "./sh.js"

const SIDE = 33 // centimetres across the canvas
const MIDDLE = [0, -2, -8] // the point that it is turned about, in the middle of the canvas

const VERTEX = `#version 300 es
in vec3 position, normal; in vec2 uv;
uniform mat3 turn; uniform vec3 middle; uniform float side, nearness;
out vec3 facing; out vec2 place;
void main() {
  vec3 p = turn*(position - middle);
  facing = turn*normal; place = uv;
  float w = 1. - nearness*p.z; // the farther, the smaller
  gl_Position = vec4(2.*p.xy/side, -p.z/60.*w, w);
}`

const FRAGMENT = `#version 300 es
precision highp float;
uniform sampler2D albedo; uniform vec3 light[9];
in vec3 facing; in vec2 place;
out vec4 color;
void main() {
  vec3 n = normalize(facing + vec3(0, 0, 1e-6));
  vec3 shading = light[0] + light[1]*n.z + light[2]*n.x + light[3]*n.y
    + light[4]*(2.*n.z*n.z - n.x*n.x - n.y*n.y)
    + light[5]*n.x*n.z + light[6]*n.y*n.z + light[7]*(n.x*n.x - n.y*n.y) + light[8]*n.x*n.y;
  vec3 lit = clamp(texture(albedo, place).rgb*max(shading, 0.), 0., 1.);
  vec3 curve = 1.055*pow(max(lit, 1e-5), vec3(1./2.4)) - .055;
  color = vec4(mix(12.92*lit, curve, step(.0031308, lit)), 1);
}`

function compiled(gl, kind, text) {
  const shader = gl.createShader(kind)
  gl.shaderSource(shader, text)
  gl.compileShader(shader)
  return shader
}

// rotations about x, y and z, one after the other from the right; by columns, as WebGL wants it
function turning([a, b, c]) {
  const [sa, ca, sb, cb] = [Math.sin(a), Math.cos(a), Math.sin(b), Math.cos(b)]
  const [sc, cc] = [Math.sin(c), Math.cos(c)]
  return [
    cb * cc,
    ca * sc + sa * sb * cc,
    sa * sc - ca * sb * cc,
    -cb * sc,
    ca * cc - sa * sb * sc,
    sa * cc + ca * sb * sc,
    sb,
    -sa * cb,
    ca * cb,
  ]
}

export class HeadDrawing {
  buffers = {} // name of an attribute → what is on the card

  // raises where there is no WebGL
  constructor(canvas) {
    const gl = canvas.getContext("webgl2", {antialias: true, preserveDrawingBuffer: true})
    if (!gl) throw new Error("This browser cannot draw the head; it can be saved all the same.")
    this.gl = gl
    this.program = gl.createProgram()
    gl.attachShader(this.program, compiled(gl, gl.VERTEX_SHADER, VERTEX))
    gl.attachShader(this.program, compiled(gl, gl.FRAGMENT_SHADER, FRAGMENT))
    gl.linkProgram(this.program)
    gl.useProgram(this.program)
    gl.enable(gl.DEPTH_TEST)
    gl.uniform1f(this.place("side"), SIDE)
    gl.uniform3fv(this.place("middle"), MIDDLE)
  }

  place(name) {
    return this.gl.getUniformLocation(this.program, name)
  }

  // ---- what a head brings once

  take(mesh, image, nearness) {
    const {gl} = this
    this.fill("uv", mesh.uvs, 2)
    gl.bindBuffer(gl.ELEMENT_ARRAY_BUFFER, gl.createBuffer())
    gl.bufferData(gl.ELEMENT_ARRAY_BUFFER, mesh.faces, gl.STATIC_DRAW)
    this.count = mesh.faces.length
    gl.uniform1f(this.place("nearness"), nearness)
    gl.bindTexture(gl.TEXTURE_2D, gl.createTexture())
    gl.pixelStorei(gl.UNPACK_COLORSPACE_CONVERSION_WEBGL, gl.NONE)
    const format = [gl.SRGB8_ALPHA8, gl.RGBA, gl.UNSIGNED_BYTE]
    gl.texImage2D(gl.TEXTURE_2D, 0, ...format, image)
    gl.generateMipmap(gl.TEXTURE_2D)
    gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_MIN_FILTER, gl.LINEAR_MIPMAP_LINEAR)
    gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_WRAP_T, gl.CLAMP_TO_EDGE)
  }

  fill(name, data, width) {
    const {gl} = this
    this.buffers[name] ??= gl.createBuffer()
    gl.bindBuffer(gl.ARRAY_BUFFER, this.buffers[name])
    gl.bufferData(gl.ARRAY_BUFFER, data, gl.DYNAMIC_DRAW)
    const at = gl.getAttribLocation(this.program, name)
    gl.enableVertexAttribArray(at)
    gl.vertexAttribPointer(at, width, gl.FLOAT, false, 0, 0)
  }

  // another expression
  move(mesh) {
    this.fill("position", mesh.positions, 3)
    this.fill("normal", mesh.normals, 3)
  }

  // ---- every frame

  // angles in radians; light as 27 numbers
  draw(angles, light) {
    const {gl} = this
    const scaled = Float32Array.from(light, (v, i) => v * SCALE[Math.floor(i / 3)])
    gl.viewport(0, 0, gl.canvas.width, gl.canvas.height)
    gl.clear(gl.COLOR_BUFFER_BIT | gl.DEPTH_BUFFER_BIT)
    gl.uniformMatrix3fv(this.place("turn"), false, turning(angles))
    gl.uniform3fv(this.place("light"), scaled)
    gl.drawElements(gl.TRIANGLES, this.count, gl.UNSIGNED_INT, 0)
  }
}
